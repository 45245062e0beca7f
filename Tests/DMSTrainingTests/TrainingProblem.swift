import DMSCheckpoint
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport

@testable import DMSTraining

/// A tiny model with gates, a batch and a treatment, on which every part of the graph takes part.
struct TrainingProblem {
    let configuration: LlamaConfiguration
    let dms: DMSConfiguration
    let weights: LlamaParameters
    let gates: GateParameters
    let kernels: CPUKernels
    let batch: TokenBatch
    var temperature: Float = 0.7
    var noise: LogisticNoise?

    static let sequences = 2
    static let length = 23

    init(
        profile: SemanticsProfile = .fastdms, zeroing: ChannelZeroing? = nil, window: Int = 4, seed: UInt64 = 1,
        threads: Int = 1, tied: Bool = true, heads: Int = 6, keyValueHeads: Int = 2, isQwen3: Bool = false,
        adapters: Bool = false, statesExclusiveWindow: Bool = false
    ) throws {
        var checkpoint = TinyCheckpoint()
        checkpoint.isQwen3 = isQwen3
        checkpoint.tiesEmbeddings = tied
        checkpoint.heads = heads
        checkpoint.keyValueHeads = keyValueHeads
        configuration = try LlamaConfiguration(checkpoint.configuration)
        dms = try DMSConfiguration(
            source: adapters ? .adapter : profile.source, channel: profile.channel,
            decisionShift: profile.decisionShift, zeroing: adapters ? .none : zeroing ?? profile.zeroing,
            windowSize: statesExclusiveWindow ? window + 1 : window, windowInclusive: !statesExclusiveWindow,
            alphaScale: 3, alphaOffset: 0.5)
        kernels = try CPUKernels(threads: threads)
        weights = try LlamaParameters(configuration)
        var generator = SeededGenerator(seed: seed)
        for (index, entry) in weights.arena.layout.entries.enumerated() {
            let scale = entry.shape.count == 2 ? 1 / Float(entry.columns).squareRoot() : 0.2
            let values = weights.arena.matrix(index).pointer
            for element in 0..<entry.count {
                values[element] = generator.normal() * scale + (entry.shape.count == 1 ? 1 : 0)
            }
        }
        gates = try GateParameters(weights, dms: dms)
        for layer in 0..<configuration.layerCount {
            let rows = gates.layer(layer)
            for element in 0..<rows.rows * rows.columns { rows.pointer[element] = generator.normal() * 0.2 }
            guard let norm = gates.norm(layer) else { continue }
            for element in 0..<norm.columns { norm.pointer[element] = 1 + generator.normal() * 0.2 }
        }
        gates.zeroBorrowedRows(of: weights)
        batch = TokenBatch(
            (0..<Self.sequences).map { _ in
                (0..<Self.length).map { _ in Int32(generator.next() % UInt64(checkpoint.vocabulary)) }
            })
    }

    var graph: TrainingGraph {
        TrainingGraph(weights: weights, gates: gates, kernels: kernels, precision: .fp32)
    }

    func workspace(activationBytes: Int = 1 << 30) throws -> TrainingWorkspace {
        try TrainingWorkspace(
            configuration, sequences: Self.sequences, length: Self.length, activationBytes: activationBytes)
    }

    func treatment() throws -> ChannelTreatment {
        .gated(
            GateTreatment(
                soft: try SoftGate(dms.decision, temperature: temperature), rule: dms.rule, assembly: dms.assembly,
                zeroing: dms.zeroing, noise: noise))
    }

    /// Cross-entropy per token plus a penalty on the mean of alpha, and where asked for its gradients.
    func loss(
        _ treatment: ChannelTreatment, into gradients: TrainingGradients? = nil, activationBytes: Int = 1 << 30
    ) throws -> Double {
        let workspace = try workspace(activationBytes: activationBytes)
        defer { withExtendedLifetime(workspace) {} }
        let head = try OutputHead(
            vocabulary: configuration.vocabularySize, rows: batch.rows, distils: false, kernels: kernels,
            precision: .fp32)
        let (hidden, statistics) = graph.forward(batch, treatment, workspace: workspace)
        let positions = Double(Self.sequences * (Self.length - 1))
        let (sum, count) = head.run(
            hidden, batch: batch, head: weights.head, targets: .nextToken, scale: Float(1 / positions),
            headGradient: gradients?.weights?.head)
        precondition(Double(count) == positions, "another number of positions")
        let rule = try CompressionPenalty(loss: .l2, weight: 2, headCap: nil)
        let isGated = if case .gated = treatment { true } else { false }
        let penalty = isGated ? rule.apply(statistics, target: 0.9) : (0, [])
        if let gradients {
            graph.backward(
                batch, treatment, hiddenGradient: hidden, alphaGradient: penalty.1, into: gradients,
                workspace: workspace)
        }
        return sum / positions + penalty.0
    }

    func gradients() throws -> TrainingGradients {
        TrainingGradients(weights: try LlamaParameters(configuration), gates: try GateParameters(like: gates))
    }
}
