import DMSModel
import DMSPolicy
import DMSTensor
import Testing

@testable import DMSTraining

/// What is trained is what is served: at a temperature near 0 the soft gate is the hard one.
@Suite("The training graph against the strict mask")
struct ForwardTests {
    @Test(
        "A gate near temperature 0 computes the strict mask, for every window, profile and treatment",
        arguments: [SemanticsProfile.fastdms, .nvidia], ChannelZeroing.all)
    func strictMask(profile: SemanticsProfile, zeroing: ChannelZeroing) throws {
        for window in [0, 1, 4, 40] {
            var problem = try TrainingProblem(profile: profile, zeroing: zeroing, window: window, seed: UInt64(window))
            problem.temperature = 1e-6
            let workspace = try problem.workspace()
            let (hidden, statistics) = problem.graph.forward(
                problem.batch, try problem.treatment(), workspace: workspace)
            #expect(statistics.hardRate > 0.1 && statistics.hardRate < 0.9)

            let merged = try LlamaParameters(problem.configuration)
            merged.arena.pointer.update(from: problem.weights.arena.pointer, count: merged.arena.count)
            problem.gates.merge(into: merged)
            let model = try LlamaModel(
                configuration: problem.configuration, weights: try merged.inferenceWeights(), dms: problem.dms,
                precision: .fp32, kernels: problem.kernels)
            let strict = try run(model, problem.batch, DenseAttention(strictMaskOf: model), .model)
            // FP32 sums over the same terms in another order; hidden states are of the order of 1.
            #expect(largestDifference(hidden, strict) < 2e-4)
            // And it is not the dense model that both computed.
            if window < 10 {
                let dense = try run(model, problem.batch, DenseAttention(model), .off)
                #expect(largestDifference(hidden, dense) > 1e-2)
            }
        }
    }

    @Test("Without a gate it is the inference graph")
    func plain() throws {
        let problem = try TrainingProblem()
        let (hidden, _) = problem.graph.forward(problem.batch, .untouched, workspace: try problem.workspace())
        let model = try LlamaModel(
            configuration: problem.configuration, weights: try problem.weights.inferenceWeights(), dms: nil,
            precision: .fp32, kernels: problem.kernels)
        let dense = try Teacher(model, rows: problem.batch.rows).hidden(problem.batch)
        #expect(largestDifference(hidden, dense) < 2e-4)
    }

    private func run(
        _ model: LlamaModel, _ batch: TokenBatch, _ attention: DenseAttention, _ eviction: EvictionControl
    ) throws -> [Float] {
        let workspace = try ForwardWorkspace(model.configuration, maximumRows: batch.rows)
        var forward = ForwardBatch()
        for sequence in 0..<batch.sequences {
            forward.append(
                sequence: sequence, tokens: batch.tokens[sequence * batch.length..<(sequence + 1) * batch.length],
                firstPosition: 0)
        }
        let hidden = try model.forward(forward, attention: attention, eviction: eviction, workspace: workspace)
        return (0..<hidden.rows).flatMap { Array(hidden.row($0)) }
    }

    private func largestDifference(_ left: MatrixView, _ right: [Float]) -> Float {
        let left = (0..<left.rows).flatMap { Array(left.row($0)) }
        return zip(left, right).map { abs($0 - $1) }.max() ?? .infinity
    }

    private func largestDifference(_ left: MatrixView, _ right: MatrixView) -> Float {
        largestDifference(left, (0..<right.rows).flatMap { Array(right.row($0)) })
    }
}
