import DMSCheckpoint
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

@testable import DMSTraining

/// The training loss of adapters and its gradients against PyTorch's FP64: `Tests/Goldens/adapter`.
@Suite("Adapters in training, against PyTorch")
struct AdapterGoldenTests {
    private static let temperature: Float = 0.7
    private static let target = 0.8
    private static let penaltyWeight = 0.9

    @Test("Logits, loss, and the gradient of every norm and projection", arguments: [0, 1 << 30])
    func gradients(activationBytes: Int) throws {
        let golden = try GoldenFile(CommittedGoldens.path("adapter/expected.safetensors"))
        let directory = try ModelDirectory.open(path: CommittedGoldens.path("adapter"))
        let dms = try #require(try directory.dmsMetadata()).configuration
        let kernels = try CPUKernels(threads: 2)
        let weights = try LlamaParameters(directory, kernels: kernels)
        let gates = try GateParameters(weights, dms: dms)
        for (index, entry) in gates.arena.layout.entries.enumerated() {
            let stored = try #require(directory.weights[entry.name])
            for element in 0..<entry.count {
                gates.arena.matrix(index).pointer[element] = stored.bytes.loadUnaligned(
                    fromByteOffset: element * 4, as: Float.self)
            }
        }
        let shape = golden.shape("tokens")
        let tokens = golden.integers("tokens")
        let batch = TokenBatch((0..<shape[0]).map { Array(tokens[$0 * shape[1]..<($0 + 1) * shape[1]]) })

        // One copy of the weights is student and teacher.
        let base = try LlamaModel(
            configuration: directory.configuration, weights: try weights.inferenceWeights(), dms: nil,
            precision: .fp32, kernels: kernels)
        let teacher = try Teacher(base, rows: batch.rows)
        let graph = TrainingGraph(weights: weights, gates: gates, kernels: kernels, precision: .fp32)
        let workspace = try TrainingWorkspace(
            directory.configuration, sequences: shape[0], length: shape[1], activationBytes: activationBytes)
        let treatment = ChannelTreatment.gated(
            GateTreatment(
                soft: try SoftGate(dms.decision, temperature: Self.temperature), rule: dms.rule,
                assembly: dms.assembly, zeroing: dms.zeroing, noise: nil))
        let gradients = TrainingGradients(weights: nil, gates: try GateParameters(like: gates))
        let head = try OutputHead(
            vocabulary: directory.configuration.vocabularySize, rows: batch.rows, distils: true, kernels: kernels,
            precision: .fp32)

        let teacherHidden = try teacher.hidden(batch)
        let (hidden, statistics) = graph.forward(batch, treatment, workspace: workspace)
        let logits = try Tensor(rows: batch.rows, columns: directory.configuration.vocabularySize)
        kernels.linearForward(hidden, weight: weights.head, precision: .fp32, into: logits.view, accumulates: false)
        let wanted = golden.doubles("soft.logits")
        #expect(wanted.indices.allSatisfy { abs(Double(logits.pointer[$0]) - wanted[$0]) < 1e-4 })

        let positions = Double(shape[0] * (shape[1] - 1))
        let (sum, count) = head.run(
            hidden, batch: batch, head: weights.head,
            targets: .teacher(hidden: teacherHidden, head: base.weights.head, precision: .fp32),
            scale: Float(1 / positions), headGradient: nil)
        let penalty = try CompressionPenalty(loss: .relu, weight: Self.penaltyWeight, headCap: nil)
            .apply(statistics, target: Self.target)
        let losses = golden.doubles("soft.losses")
        #expect(abs(sum / Double(count) - losses[0]) < 1e-5 * max(1, losses[0]))
        #expect(abs(penalty.value - losses[1]) < 1e-6)
        #expect(abs(statistics.softRate - losses[2]) < 1e-6)

        graph.backward(
            batch, treatment, hiddenGradient: hidden, alphaGradient: penalty.alphaGradient, into: gradients,
            workspace: workspace)
        let arena = try #require(gradients.gates).arena
        for (index, entry) in arena.layout.entries.enumerated() {
            let exact = golden.doubles("soft.gradient." + entry.name)
            let largest = exact.reduce(0) { max($0, abs($1)) }
            #expect(largest > 1e-3, "\(entry.name) shows nothing")
            let worst =
                exact.indices.map { abs(Double(arena.matrix(index).pointer[$0]) - exact[$0]) }.max() ?? .infinity
            #expect(worst < 2e-5 * max(largest, 0.1), "\(entry.name): off by \(worst), largest \(largest)")
        }
        withExtendedLifetime((teacher, workspace, base)) {}
    }
}
