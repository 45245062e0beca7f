/// Which part of a recipe a step belongs to.
public enum TrainingPhase: Int, Sendable, Hashable {
    /// A plain Llama learns to predict the next token.
    case pretraining = 0
    /// The borrowed channel fades out.
    case zeroing = 1
    /// The gate learns what to evict.
    case gating = 2
}

/// Everything that depends on the step.
public struct TrainingStage: Sendable, Hashable {
    /// Which part of the recipe it belongs to.
    public let phase: TrainingPhase
    /// Steps of this phase before this one.
    public let stepInPhase: Int
    /// Of all weights but the gates, which have a factor.
    public let learningRate: Double
    /// What the borrowed channel's activation is multiplied by, in the zeroing phase.
    public let fade: Double
    /// The compression ratio that the penalty asks for, in the gating phase.
    public let ratio: Double
    /// Of the gates, in the gating phase.
    public let temperature: Double

    /// The soft eviction rate of that ratio: `1 − 1 / ratio`.
    public var targetRate: Double { 1 - 1 / ratio }
}

/// The steps of a run, a pure value: what happens in step n depends on n alone.
public struct TrainingSchedule: Sendable, Hashable {
    /// Steps of pretraining; 0 in a retrofit.
    public let pretrainingSteps: Int
    /// Steps in which the channel fades out.
    public let zeroingSteps: Int
    /// Steps in which the gate learns.
    public let gatingSteps: Int
    /// The ratio that is reached; 1 in pretraining.
    public let targetRatio: Double
    /// Steps for each unit of ratio; 0 in pretraining.
    public let stepsPerRatio: Int
    /// Over the whole run.
    public let learningRate: LearningRate
    /// Of the gates at the start.
    public let firstTemperature: Double
    /// Of the gates at the end.
    public let lastTemperature: Double

    /// Pretraining.
    ///
    /// - Throws: ``TrainingError`` for a run without steps.
    public init(pretrainingSteps: Int, learningRate: LearningRate) throws {
        guard pretrainingSteps > 0 else {
            throw TrainingError("steps", found: "\(pretrainingSteps)", required: "at least 1")
        }
        self.pretrainingSteps = pretrainingSteps
        zeroingSteps = 0
        gatingSteps = 0
        targetRatio = 1
        stepsPerRatio = 0
        self.learningRate = learningRate
        firstTemperature = 1
        lastTemperature = 1
    }

    /// The two phases of the published recipe: the ratio rises from 1 to `targetRatio` over `stepsPerRatio` steps a
    /// unit and stays there for `holdSteps`; the temperature falls linearly over both.
    ///
    /// - Throws: ``TrainingError`` naming the value that cannot be.
    public init(
        zeroingSteps: Int, stepsPerRatio: Int, holdSteps: Int, targetRatio: Double, learningRate: LearningRate,
        firstTemperature: Double, lastTemperature: Double
    ) throws {
        guard zeroingSteps >= 0 else {
            throw TrainingError("zeroing steps", found: "\(zeroingSteps)", required: "0 or more")
        }
        guard stepsPerRatio > 0 else {
            throw TrainingError("steps per ratio", found: "\(stepsPerRatio)", required: "at least 1")
        }
        guard holdSteps >= 0 else { throw TrainingError("hold steps", found: "\(holdSteps)", required: "0 or more") }
        guard targetRatio.isFinite, targetRatio > 1, targetRatio <= 1024 else {
            throw TrainingError("target ratio", found: "\(targetRatio)", required: "above 1, at most 1024")
        }
        for temperature in [firstTemperature, lastTemperature] where !(temperature > 0 && temperature <= 100) {
            throw TrainingError("temperature", found: "\(temperature)", required: "above 0, at most 100")
        }
        pretrainingSteps = 0
        self.zeroingSteps = zeroingSteps
        gatingSteps = Int((Double(stepsPerRatio) * (targetRatio - 1)).rounded(.up)) + holdSteps
        self.targetRatio = targetRatio
        self.stepsPerRatio = stepsPerRatio
        self.learningRate = learningRate
        self.firstTemperature = firstTemperature
        self.lastTemperature = lastTemperature
    }

    /// Steps in all.
    public var totalSteps: Int { pretrainingSteps + zeroingSteps + gatingSteps }

    /// The stage of a step counted from 0.
    public func stage(_ step: Int) -> TrainingStage {
        precondition((0..<totalSteps).contains(step), "step \(step) of \(totalSteps)")
        let rate = learningRate.value(step: step, of: totalSteps)
        if step < pretrainingSteps {
            return TrainingStage(
                phase: .pretraining, stepInPhase: step, learningRate: rate, fade: 1, ratio: 1, temperature: 1)
        }
        if step < zeroingSteps {
            return TrainingStage(
                phase: .zeroing, stepInPhase: step, learningRate: rate,
                fade: 1 - Double(step + 1) / Double(zeroingSteps), ratio: 1, temperature: firstTemperature)
        }
        let index = step - zeroingSteps
        let progress = gatingSteps > 1 ? Double(index) / Double(gatingSteps - 1) : 1
        return TrainingStage(
            phase: .gating, stepInPhase: index, learningRate: rate, fade: 0,
            ratio: min(targetRatio, 1 + Double(index + 1) / Double(stepsPerRatio)),
            temperature: firstTemperature + (lastTemperature - firstTemperature) * progress)
    }

    /// The whole ratio that is first reached when `completedSteps` steps are done, from 2 up to below the target.
    public func wholeRatio(reachedAfter completedSteps: Int) -> Int? {
        let gating = completedSteps - zeroingSteps
        guard stepsPerRatio > 0, gating > 0, gating % stepsPerRatio == 0 else { return nil }
        let ratio = 1 + gating / stepsPerRatio
        return Double(ratio) < targetRatio ? ratio : nil
    }
}
