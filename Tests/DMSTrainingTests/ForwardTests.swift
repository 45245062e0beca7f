import DMSCheckpoint
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

@testable import DMSTraining

/// What is trained is what is served: at a temperature near 0 the soft gate is the hard one.
@Suite("The training graph against the strict mask")
struct ForwardTests {
    @Test(
        "A gate near temperature 0 computes the strict mask, for every window, profile and treatment",
        arguments: [(SemanticsProfile.fastdms, false), (.nvidia, false), (.fastdms, true)], ChannelZeroing.all)
    func strictMask(variant: (profile: SemanticsProfile, isQwen3: Bool), zeroing: ChannelZeroing) throws {
        for window in [0, 1, 4, 40] {
            var problem = try TrainingProblem(
                profile: variant.profile, zeroing: zeroing, window: window, seed: UInt64(window),
                isQwen3: variant.isQwen3, statesExclusiveWindow: window == 4)
            problem.temperature = 1e-6
            let workspace = try problem.workspace()
            let treatment = try problem.treatment()
            let (hidden, statistics) = withExtendedLifetime(workspace) {
                let (view, statistics) = problem.graph.forward(problem.batch, treatment, workspace: workspace)
                return (values(view), statistics)
            }
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

    /// By way of the files, so that what is packaged is what was trained, too.
    @Test(
        "Adapters near temperature 0 compute the strict mask of the package",
        arguments: [SemanticsProfile.fastdms, .nvidia], [false, true])
    func adapters(profile: SemanticsProfile, isQwen3: Bool) throws {
        for window in [0, 1, 4] {
            var problem = try TrainingProblem(
                profile: profile, window: window, seed: UInt64(window), isQwen3: isQwen3, adapters: true)
            problem.temperature = 1e-6
            let workspace = try problem.workspace()
            let treatment = try problem.treatment()
            let (hidden, statistics) = withExtendedLifetime(workspace) {
                let (view, statistics) = problem.graph.forward(problem.batch, treatment, workspace: workspace)
                return (values(view), statistics)
            }
            #expect(statistics.hardRate > 0.1 && statistics.hardRate < 0.9)

            let folder = try TemporaryFolder()
            let base = folder.path + "/base"
            try CheckpointPackage(weights: problem.weights, type: .float32, companionDirectory: folder.path)
                .write(to: base, kernels: problem.kernels, metadata: nil)
            let output = folder.path + "/out"
            try CheckpointPackage(
                base: try ModelDirectory.open(path: base), adapters: problem.gates, type: .float32
            ).write(to: output, kernels: problem.kernels) {
                DMSMetadata(configuration: problem.dms, profile: profile, weights: $0)
            }
            let directory = try ModelDirectory.open(path: output)
            let stated = try #require(try directory.dmsMetadata())
            #expect(stated.configuration == problem.dms && stated.profile == profile)
            let model = try LlamaModel(
                configuration: directory.configuration,
                weights: try LlamaWeights(directory, precision: .fp32, kernels: problem.kernels),
                dms: stated.configuration, precision: .fp32, kernels: problem.kernels)
            let strict = try run(model, problem.batch, DenseAttention(strictMaskOf: model), .model)
            #expect(largestDifference(hidden, strict) < 2e-4)
            let dense = try run(model, problem.batch, DenseAttention(model), .off)
            #expect(largestDifference(hidden, dense) > 1e-2)
        }
    }

    @Test(
        "A channel that has faded is what a row of zeros computes, behind a norm over heads, too",
        arguments: [false, true])
    func faded(isQwen3: Bool) throws {
        let problem = try TrainingProblem(isQwen3: isQwen3)
        let expected = try hidden(problem, .untouched)
        problem.gates.merge(into: problem.weights)
        #expect(largestDifference(try hidden(problem, .untouched), expected) > 1e-3)
        #expect(try hidden(problem, .fading(0)) == expected)
    }

    private func hidden(_ problem: TrainingProblem, _ treatment: ChannelTreatment) throws -> [Float] {
        let workspace = try problem.workspace()
        return withExtendedLifetime(workspace) {
            values(problem.graph.forward(problem.batch, treatment, workspace: workspace).hidden)
        }
    }

    @Test("Without a gate it is the inference graph", arguments: [false, true])
    func plain(isQwen3: Bool) throws {
        let problem = try TrainingProblem(isQwen3: isQwen3)
        let workspace = try problem.workspace()
        let hidden = withExtendedLifetime(workspace) {
            values(problem.graph.forward(problem.batch, .untouched, workspace: workspace).hidden)
        }
        let model = try LlamaModel(
            configuration: problem.configuration, weights: try problem.weights.inferenceWeights(), dms: nil,
            precision: .fp32, kernels: problem.kernels)
        let teacher = try Teacher(model, rows: problem.batch.rows)
        let dense = try withExtendedLifetime(teacher) { values(try teacher.hidden(problem.batch)) }
        #expect(largestDifference(hidden, dense) < 2e-4)
    }

    private func run(
        _ model: LlamaModel, _ batch: TokenBatch, _ attention: DenseAttention, _ eviction: EvictionControl
    ) throws -> [Float] {
        let workspace = try ForwardWorkspace(model.configuration, maximumRows: batch.rows)
        defer { withExtendedLifetime(attention) {} }
        var forward = ForwardBatch()
        for sequence in 0..<batch.sequences {
            forward.append(
                sequence: sequence, tokens: batch.tokens[sequence * batch.length..<(sequence + 1) * batch.length],
                firstPosition: 0)
        }
        let copied = try values(
            model.forward(forward, attention: attention, eviction: eviction, workspace: workspace))
        // The workspace owns what was copied, and ends here.
        _ = workspace.maximumRows
        return copied
    }

    /// A copy, because a view dies with its owner.
    private func values(_ view: MatrixView) -> [Float] { (0..<view.rows).flatMap { Array(view.row($0)) } }

    private func largestDifference(_ left: [Float], _ right: [Float]) -> Float {
        zip(left, right).map { abs($0 - $1) }.max() ?? .infinity
    }
}
