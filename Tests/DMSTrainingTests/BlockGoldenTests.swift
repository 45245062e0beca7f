import DMSCheckpoint
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

@testable import DMSTraining

/// A whole attention block with its gate, forward and backward, against the numbers of `training_math.safetensors`.
///
/// The block there has no norm, and its noise is given. Three more columns of the hidden state make up for both: two
/// carry the noise, which only the gates read, and one makes every row equally long, so that the norm is a constant
/// factor, which its weight takes back. That works where the gate's value does not take part in attention, hence
/// not for the treatment `none`; `GradientTests` has that one by differences.
@Suite("An attention block against FP64 numbers")
struct BlockGoldenTests {
    private static let length = 12, width = 16, hidden = 19, heads = 4, keyValueHeads = 2, dimension = 8
    private static let window = 3, temperature: Float = 0.7, scale: Float = 3, offset: Float = 0.5

    private let golden: GoldenFile?

    init() throws {
        golden = SharedFiles.areAvailable ? try GoldenFile(SharedFiles.path("fixtures/training_math.safetensors")) : nil
    }

    @Test(
        .enabled(if: SharedFiles.areAvailable),
        arguments: [
            ("zero_before_rope", ChannelZeroing.beforeRope),
            ("zero_before_and_after_rope", .beforeAndAfterRope),
        ])
    func block(name: String, zeroing: ChannelZeroing) throws {
        guard let golden else { return }
        let configuration = try configuration()
        let weights = try LlamaParameters(configuration)
        let gates = try GateParameters(weights, channel: .last)
        fill(weights, gates, golden)
        let graph = TrainingGraph(weights: weights, gates: gates, kernels: try CPUKernels(threads: 2), precision: .fp32)
        let workspace = try TrainingWorkspace(
            configuration, sequences: 1, length: Self.length, activationBytes: 1 << 20)
        let treatment = try treatment(zeroing)
        let batch = TokenBatch([(0..<Int32(Self.length)).map { $0 }])

        let (_, statistics) = graph.forward(batch, treatment, workspace: workspace)
        let tape = workspace.activations(0)
        let input = workspace.residual(0)
        expectNear(golden.doubles("block.\(name).out"), columns: Self.width, "out") { row, column in
            Double(tape.middle.view[row, column] - input[row, column])
        }
        let alphas = golden.doubles("block.\(name).alpha")
        expectNear(alphas, columns: Self.length, "alpha") { head, token in
            Double(SoftDecision(score: tape.scores.view[head, token]).alpha)
        }
        let noise = golden.doubles("block.noise")
        expectNear(golden.doubles("block.\(name).decision_logits"), columns: Self.length, "logit") { head, token in
            Double(tape.scores.view[head, token] * Self.temperature) - noise[head * Self.length + token]
        }

        let upstream = golden.doubles("block.upstream")
        for row in 0..<Self.length {
            for column in 0..<Self.hidden {
                workspace.residualGradient.view[row, column] =
                    column < Self.width ? Float(upstream[row * Self.width + column]) : 0
            }
        }
        let penalty = try CompressionPenalty(loss: .relu, weight: 0.3, headCap: nil)
        let pull = penalty.apply(statistics, target: 0.9).alphaGradient
        // The mean alpha is below the target: the penalty's gradient is part of what is compared.
        #expect(alphas.reduce(0, +) / Double(alphas.count) < 0.9 && pull[0][0] < 0)
        let gradients = TrainingGradients(
            weights: try LlamaParameters(configuration), gates: try GateParameters(like: gates))
        graph.backwardAttention(0, treatment, alphaGradient: pull[0], into: gradients, workspace)
        try compare(gradients, workspace, golden, "block.\(name)", borrowed: gates.columns)
    }

    private func compare(
        _ gradients: TrainingGradients, _ workspace: TrainingWorkspace, _ golden: GoldenFile, _ name: String,
        borrowed: [Int]
    ) throws {
        let layer = try #require(gradients.weights).layer(0)
        let gate = try #require(gradients.gates).layer(0)
        // Where the projection has a borrowed row, the file has the gate's gradient.
        expectNear(golden.doubles("\(name).grad_wq"), columns: Self.width, "wq") { row, column in
            Double(borrowed.firstIndex(of: row).map { gate[$0, column] } ?? layer.query[row, column])
        }
        for row in borrowed { #expect((0..<Self.width).allSatisfy { layer.query[row, $0] == 0 }) }
        expectNear(golden.doubles("\(name).grad_wk"), columns: Self.width, "wk") { Double(layer.key[$0, $1]) }
        expectNear(golden.doubles("\(name).grad_wv"), columns: Self.width, "wv") { Double(layer.value[$0, $1]) }
        expectNear(golden.doubles("\(name).grad_wo"), columns: Self.heads * Self.dimension, "wo") {
            Double(layer.output[$0, $1])
        }
        expectNear(golden.doubles("\(name).grad_x"), columns: Self.width, "x") {
            Double(workspace.normedGradient.view[$0, $1])
        }
    }

    // MARK: The model around the block

    private func configuration() throws -> LlamaConfiguration {
        var checkpoint = TinyCheckpoint()
        checkpoint.layers = 1
        checkpoint.hidden = Self.hidden
        checkpoint.heads = Self.heads
        checkpoint.keyValueHeads = Self.keyValueHeads
        checkpoint.headDimension = Self.dimension
        checkpoint.vocabulary = Self.length
        return try LlamaConfiguration(checkpoint.configuration)
    }

    private func treatment(_ zeroing: ChannelZeroing) throws -> ChannelTreatment {
        let dms = try DMSConfiguration(
            source: SemanticsProfile.fastdms.source, channel: .last, decisionShift: 0, zeroing: zeroing,
            windowSize: Self.window, windowInclusive: SemanticsProfile.fastdms.windowInclusive,
            alphaScale: Self.scale, alphaOffset: Self.offset)
        return .gated(
            GateTreatment(
                soft: try SoftGate(dms.decision, temperature: Self.temperature), rule: dms.rule,
                assembly: dms.assembly, zeroing: zeroing, noise: nil))
    }

    /// Token t's embedding is row t of the block's input.
    private func fill(_ weights: LlamaParameters, _ gates: GateParameters, _ golden: GoldenFile) {
        let x = golden.doubles("block.x"), noise = golden.doubles("block.noise")
        let rows = (0..<Self.length).map { token in
            x[token * Self.width..<(token + 1) * Self.width]
                + (0..<Self.keyValueHeads).map { noise[$0 * Self.length + token] / Double(Self.scale) }
        }
        let lengths = rows.map { $0.reduce(0) { $0 + $1 * $1 } }
        let common = (lengths.max() ?? 0) + 1
        for (token, row) in rows.enumerated() {
            for (column, value) in (row + [(common - lengths[token]).squareRoot()]).enumerated() {
                weights.embedding[token, column] = Float(value)
            }
        }
        let layer = weights.layer(0)
        let epsilon = Double(weights.configuration.normEpsilon)
        let factor = Float((common / Double(Self.hidden) + epsilon).squareRoot())
        layer.attentionNorm.pointer.update(repeating: factor, count: Self.hidden)
        let queries = golden.doubles("block.wq")
        for (name, matrix) in [("wq", layer.query), ("wk", layer.key), ("wv", layer.value)] {
            for (index, value) in golden.doubles("block.\(name)").enumerated() {
                matrix[index / Self.width, index % Self.width] = Float(value)
            }
        }
        for (index, value) in golden.doubles("block.wo").enumerated() {
            let columns = Self.heads * Self.dimension
            layer.output[index / columns, index % columns] = Float(value)
        }
        for (head, row) in gates.columns.enumerated() {
            for column in 0..<Self.width { gates.layer(0)[head, column] = Float(queries[row * Self.width + column]) }
            gates.layer(0)[head, Self.width + head] = 1
        }
        gates.zeroBorrowedRows(of: weights)
    }

    /// FP32 against FP64: 1e-5 of the tensor's largest number, as the fixtures' README says.
    private func expectNear(
        _ wanted: [Double], columns: Int, _ name: String, _ got: (Int, Int) -> Double
    ) {
        let largest = wanted.reduce(0) { max($0, abs($1)) }
        let worst = wanted.indices.map { abs(got($0 / columns, $0 % columns) - wanted[$0]) }.max() ?? .infinity
        #expect(worst <= 1e-5 * largest, "\(name): off by \(worst), largest \(largest)")
    }
}
