import DMSCheckpoint
public import DMSModel
import DMSPolicy
public import DMSTensor

/// A model in training: one optimizer step at a time.
///
/// What step n computes depends on the recipe, the corpus, the weights and n alone; there is no other state, so a saved
/// run goes on with the same bits.
public final class Trainer {
    /// What is computed.
    public let recipe: Recipe
    /// The weights that learn, or that the gates stand beside.
    public let weights: LlamaParameters
    /// `nil` in pretraining.
    public let gates: GateParameters?
    /// What moves them.
    public let optimizer: Optimizer
    /// Optimizer steps done.
    public private(set) var completedSteps = 0
    private let corpus: TrainingCorpus
    private let replicas: any Replicas
    private let graph: TrainingGraph
    private let head: OutputHead
    private let teacher: Teacher?
    private let teacherPrecision: Precision
    private let gradients: TrainingGradients
    private let workspace: TrainingWorkspace
    private let order: BatchOrder

    /// - Parameters:
    ///   - weights: What training begins from; they are changed, but for a run that trains gates only.
    ///   - base: The frozen model to distil from; `nil` in pretraining. Where only gates are trained it should share
    ///     its memory with `weights`.
    /// - Throws: ``TrainingError``, `PolicyError` or `MemoryError`.
    public init(
        recipe: Recipe, weights: LlamaParameters, base: LlamaModel?, corpus: TrainingCorpus,
        kernels: any TrainingKernels, precision: Precision = .fp32, replicas: any Replicas = SingleProcess()
    ) throws {
        self.recipe = recipe
        self.weights = weights
        self.corpus = corpus
        self.replicas = replicas
        let rows = recipe.batchSize * recipe.contextLength
        gates = try recipe.dms.map { try GateParameters(weights, dms: $0) }
        let weightGradients = recipe.trainable == .all ? try LlamaParameters(weights.configuration) : nil
        let gateGradients = try gates.map { try GateParameters(like: $0) }
        gradients = TrainingGradients(weights: weightGradients, gates: gateGradients)
        var groups: [Optimizer.Group] = []
        if let weightGradients {
            groups.append(
                try Optimizer.Group(name: "weights", values: weights.arena, gradients: weightGradients.arena))
        }
        if let gates, let gateGradients {
            groups.append(
                try Optimizer.Group(
                    name: "gates", values: gates.arena, gradients: gateGradients.arena, rate: recipe.gateRate,
                    firstStep: recipe.schedule.zeroingSteps))
        }
        optimizer = Optimizer(groups: groups, settings: recipe.optimizer, kernels: kernels)
        graph = TrainingGraph(weights: weights, gates: gates, kernels: kernels, precision: precision)
        head = try OutputHead(
            vocabulary: weights.configuration.vocabularySize, rows: rows, distils: base != nil, kernels: kernels,
            precision: precision)
        teacher = try base.map { try Teacher($0, rows: rows) }
        teacherPrecision = base?.precision ?? .fp32
        let configuration = weights.configuration
        try kernels.reserve(
            TrainingFootprint(
                sequences: recipe.batchSize, length: recipe.contextLength, shape: graph.shape,
                widest: max(
                    configuration.hiddenSize, configuration.intermediateSize, configuration.vocabularySize,
                    configuration.headCount * configuration.headDimension)))
        workspace = try TrainingWorkspace(
            weights.configuration, sequences: recipe.batchSize, length: recipe.contextLength,
            activationBytes: recipe.activationBytes)
        order = BatchOrder(
            chunkCount: corpus.chunkCount, chunksPerBatch: recipe.batchSize, seed: recipe.seed,
            rank: replicas.rank, rankCount: replicas.count)
        if recipe.trainable == .all, recipe.schedule.zeroingSteps == 0 { gates?.zeroBorrowedRows(of: weights) }
    }

    /// Layers whose activations are kept instead of computed twice.
    public var keptLayers: Int { workspace.keptLayers }

    /// Takes one optimizer step.
    ///
    /// - Throws: ``TrainingError`` when loss or gradient is not finite, naming the step; nothing has moved then.
    public func step() throws -> StepRecord {
        let clock = ContinuousClock.now
        let stage = recipe.schedule.stage(completedSteps)
        optimizer.clearGradients()
        var total = MicroStepResult()
        for microStep in 0..<recipe.gradientAccumulation {
            total.add(try run(microStep, stage))
        }
        let sums = try replicas.sum([
            total.tokenLoss, total.penalty, total.softRate, total.hardRate, Double(recipe.gradientAccumulation),
        ])
        let microSteps = sums[4]
        let tokenLoss = sums[0] / microSteps
        let penalty = sums[1] / microSteps
        let loss = tokenLoss * (recipe.reduction == .sum ? Double(recipe.contextLength - 1) : 1) + penalty
        guard loss.isFinite else { throw notFinite("the loss is \(loss) (\(tokenLoss) per token, penalty \(penalty))") }
        for group in optimizer.groups {
            try replicas.sum(group.gradients.pointer, count: group.gradients.count)
        }
        let norm = optimizer.gradientNorm(scale: 1 / microSteps)
        guard norm.isFinite else { throw notFinite("the gradient's norm is \(norm) at a loss of \(loss)") }
        optimizer.apply(step: completedSteps, learningRate: stage.learningRate, scale: 1 / microSteps, norm: norm)
        completedSteps += 1
        if stage.phase == .zeroing, completedSteps == recipe.schedule.zeroingSteps { endZeroing() }
        return StepRecord(
            step: completedSteps, phase: stage.phase, loss: loss, tokenLoss: tokenLoss, penalty: penalty,
            softRate: sums[2] / microSteps, hardRate: sums[3] / microSteps, ratio: stage.ratio,
            targetRate: stage.targetRate, temperature: stage.temperature, learningRate: stage.learningRate,
            gradientNorm: norm,
            tokens: Int(microSteps) * recipe.batchSize * recipe.contextLength,
            seconds: (ContinuousClock.now - clock) / .seconds(1))
    }

    /// Goes on from a saved state.
    func resume(at step: Int) { completedSteps = step }

    /// The weights as a checkpoint has them, gates in the borrowed rows where they are such: a copy, in FP32.
    ///
    /// - Throws: `MemoryError` when the system has no such memory to give.
    public func mergedWeights() throws -> LlamaParameters {
        let merged = try LlamaParameters(weights.configuration)
        merged.arena.pointer.update(from: weights.arena.pointer, count: weights.arena.count)
        gates?.merge(into: merged)
        return merged
    }

    private func run(_ microStep: Int, _ stage: TrainingStage) throws -> MicroStepResult {
        // Noise is counted over all processes, so that n of them draw what one with n times the accumulation draws.
        let global = microStep * replicas.count + replicas.rank
        let index = completedSteps * recipe.gradientAccumulation + microStep
        let batch = TokenBatch(order.chunks(ofBatch: index).map { Array(corpus[$0]) })
        let treatment = try treatment(stage, microStep: global)
        let targets: TrainingTargets =
            if let teacher {
                .teacher(
                    hidden: try teacher.hidden(batch), head: teacher.model.weights.head, precision: teacherPrecision)
            } else {
                .nextToken
            }
        let (hidden, statistics) = graph.forward(batch, treatment, workspace: workspace)
        let perSequence = Float(recipe.batchSize)
        let scale = 1 / (recipe.reduction == .mean ? perSequence * Float(batch.length - 1) : perSequence)
        let (lossSum, positions) = head.run(
            hidden, batch: batch, head: weights.head, targets: targets, scale: scale,
            headGradient: gradients.weights?.head)
        var penalty = (value: 0.0, alphaGradient: [[Float]]())
        if case .gated = treatment, let rule = recipe.penalty {
            penalty = rule.apply(statistics, target: stage.targetRate)
        }
        graph.backward(
            batch, treatment, hiddenGradient: hidden, alphaGradient: penalty.alphaGradient, into: gradients,
            workspace: workspace)
        return MicroStepResult(
            tokenLoss: lossSum / Double(positions), penalty: penalty.value, softRate: statistics.softRate,
            hardRate: statistics.hardRate)
    }

    private func treatment(_ stage: TrainingStage, microStep: Int) throws -> ChannelTreatment {
        switch stage.phase {
        case .pretraining: return .untouched
        case .zeroing: return .fading(Float(stage.fade))
        case .gating:
            guard let dms = recipe.dms else { preconditionFailure("a gating stage without a gate") }
            return .gated(
                GateTreatment(
                    soft: try SoftGate(dms.decision, temperature: Float(stage.temperature)), rule: dms.rule,
                    assembly: dms.assembly, zeroing: dms.zeroing,
                    noise: LogisticNoise(seed: recipe.seed, step: completedSteps, microStep: microStep)))
        }
    }

    /// After the last zeroing step the rows are exactly 0 and stay so: what is left in the optimizer's moments would
    /// move them again.
    private func endZeroing() {
        guard let gates, let group = optimizer.groups.first(where: { $0.name == "weights" }) else { return }
        gates.zeroBorrowedRows(of: weights)
        for moments in [group.firstMoments, group.secondMoments] {
            gates.zeroBorrowedRows(of: LlamaParameters(weights.configuration, arena: moments))
        }
        precondition(gates.borrowedRowsAreZero(in: weights), "a borrowed row that is not 0 after the zeroing phase")
    }

    private func notFinite(_ what: String) -> TrainingError {
        TrainingError(
            "step \(completedSteps + 1): \(what). Nothing was changed by this step; a lower learning rate "
                + "(it was \(recipe.schedule.stage(completedSteps).learningRate)) usually helps")
    }
}

/// The sums that one micro-step contributes to its step.
private struct MicroStepResult {
    var tokenLoss = 0.0
    var penalty = 0.0
    var softRate = 0.0
    var hardRate = 0.0

    mutating func add(_ other: MicroStepResult) {
        tokenLoss += other.tokenLoss
        penalty += other.penalty
        softRate += other.softRate
        hardRate += other.hardRate
    }
}
