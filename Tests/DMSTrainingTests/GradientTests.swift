import DMSPolicy
import DMSTensor
import Testing

@testable import DMSTraining

/// The whole model against differences of its own forward pass, which in turn is compared with the strict mask in
/// `ForwardTests`.
@Suite("Gradients of the whole model")
struct GradientTests {
    /// Moves one tensor along its own gradient: the loss must change by the gradient's norm per unit.
    ///
    /// A gradient with a missing, doubled or misplaced part is not the steepest direction's slope. The loss is a mean of
    /// FP32 losses around 4.6, good to 1e-6; with steps of 4e-3 the difference is good to 2e-4 plus curvature.
    private func check(
        _ problem: TrainingProblem, _ treatment: ChannelTreatment, _ values: ParameterArena,
        _ gradients: ParameterArena,
        skipping skipped: Set<String> = []
    ) throws {
        for (index, entry) in values.layout.entries.enumerated() where !skipped.contains(entry.name) {
            let gradient = (0..<entry.count).map { gradients.matrix(index).pointer[$0] }
            let norm = gradient.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            // Below this the difference would say nothing.
            #expect(norm > 3e-3, "\(entry.name) gets a gradient of \(norm)")
            let original = (0..<entry.count).map { values.matrix(index).pointer[$0] }
            let step = 4e-3
            func loss(at distance: Double) throws -> Double {
                for element in 0..<entry.count {
                    values.matrix(index).pointer[element] =
                        original[element] + Float(distance * Double(gradient[element]) / norm)
                }
                return try problem.loss(treatment)
            }
            let difference = (try loss(at: step) - loss(at: -step)) / (2 * step)
            for element in 0..<entry.count { values.matrix(index).pointer[element] = original[element] }
            #expect(abs(difference - norm) < 6e-4 + 0.01 * norm, "\(entry.name): \(difference) by differences, \(norm)")
        }
    }

    @Test(
        "Every weight and every gate, for each profile and treatment of the borrowed channel",
        arguments: [(SemanticsProfile.fastdms, false), (.nvidia, false), (.fastdms, true)], ChannelZeroing.all)
    func gated(variant: (profile: SemanticsProfile, isQwen3: Bool), zeroing: ChannelZeroing) throws {
        var problem = try TrainingProblem(profile: variant.profile, zeroing: zeroing, isQwen3: variant.isQwen3)
        problem.noise = LogisticNoise(seed: 3, step: 0, microStep: 0)
        let treatment = try problem.treatment()
        let gradients = try problem.gradients()
        _ = try problem.loss(treatment, into: gradients)
        try check(problem, treatment, problem.weights.arena, #require(gradients.weights).arena)
        try check(problem, treatment, problem.gates.arena, #require(gradients.gates).arena)
    }

    @Test(
        "Every weight and every adapter, whoever decides, with heads that share and with their own",
        arguments: [SemanticsProfile.fastdms, .nvidia], [(2, false), (6, false), (2, true)])
    func adapters(profile: SemanticsProfile, model: (keyValueHeads: Int, isQwen3: Bool)) throws {
        var problem = try TrainingProblem(
            profile: profile, keyValueHeads: model.keyValueHeads, isQwen3: model.isQwen3, adapters: true)
        problem.noise = LogisticNoise(seed: 3, step: 0, microStep: 0)
        let treatment = try problem.treatment()
        let gradients = try problem.gradients()
        _ = try problem.loss(treatment, into: gradients)
        try check(problem, treatment, problem.weights.arena, #require(gradients.weights).arena)
        try check(problem, treatment, problem.gates.arena, #require(gradients.gates).arena)
    }

    @Test("A plain model, embeddings tied and not", arguments: [true, false], [true, false])
    func plain(tied: Bool, isQwen3: Bool) throws {
        let problem = try TrainingProblem(tied: tied, heads: 4, keyValueHeads: 4, isQwen3: isQwen3)
        let gradients = try problem.gradients()
        _ = try problem.loss(.untouched, into: gradients)
        try check(problem, .untouched, problem.weights.arena, #require(gradients.weights).arena)
    }

    @Test("A channel that fades", arguments: [false, true])
    func fading(isQwen3: Bool) throws {
        let problem = try TrainingProblem(seed: 5, isQwen3: isQwen3)
        problem.gates.merge(into: problem.weights)
        let gradients = try problem.gradients()
        _ = try problem.loss(.fading(0.4), into: gradients)
        try check(problem, .fading(0.4), problem.weights.arena, #require(gradients.weights).arena)
    }

    @Test("Borrowed rows of the query projection get no gradient while the gate stands in their place")
    func borrowedRows() throws {
        let problem = try TrainingProblem(zeroing: ChannelZeroing.none)
        let gradients = try problem.gradients()
        _ = try problem.loss(try problem.treatment(), into: gradients)
        let weights = try #require(gradients.weights)
        #expect(problem.gates.borrowedRowsAreZero(in: weights))
    }

    @Test("Frozen weights give the gates the same gradient", arguments: [false, true])
    func frozen(adapters: Bool) throws {
        let problem = try TrainingProblem(adapters: adapters)
        let treatment = try problem.treatment()
        let all = try problem.gradients()
        let gateOnly = TrainingGradients(weights: nil, gates: try GateParameters(like: problem.gates))
        _ = try problem.loss(treatment, into: all)
        _ = try problem.loss(treatment, into: gateOnly)
        let (left, right) = (try #require(all.gates), try #require(gateOnly.gates))
        #expect(bits(left.arena) == bits(right.arena))
    }

    @Test("Neither checkpointing nor the number of threads changes a bit", arguments: [1, 2, 3], [false, true])
    func sameBits(threads: Int, adapters: Bool) throws {
        // Adapters beside norms over heads: both at once are what neither has alone.
        let reference = try TrainingProblem(isQwen3: adapters, adapters: adapters)
        let expected = try reference.gradients()
        let expectedLoss = try reference.loss(try reference.treatment(), into: expected)
        let problem = try TrainingProblem(threads: threads, isQwen3: adapters, adapters: adapters)
        let perLayer = LayerActivations.byteCount(
            problem.configuration, sequences: TrainingProblem.sequences, length: TrainingProblem.length)
        for bytes in [0, perLayer, 1 << 30] {
            let gradients = try problem.gradients()
            let loss = try problem.loss(try problem.treatment(), into: gradients, activationBytes: bytes)
            #expect(loss == expectedLoss)
            let (weights, gates) = (try #require(gradients.weights), try #require(gradients.gates))
            let (otherWeights, otherGates) = (try #require(expected.weights), try #require(expected.gates))
            #expect(bits(weights.arena) == bits(otherWeights.arena))
            #expect(bits(gates.arena) == bits(otherGates.arena))
        }
    }
}

func bits(_ arena: ParameterArena) -> [UInt32] { (0..<arena.count).map { arena.pointer[$0].bitPattern } }
