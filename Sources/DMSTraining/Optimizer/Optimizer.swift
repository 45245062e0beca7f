public import DMSTensor

/// AdamW with FP32 masters (arXiv 1711.05101), over arenas that learn with different rates.
///
/// The published recipe: betas 0.9 and 0.95, no weight decay, the norm of all gradients together clipped to 1.
public final class Optimizer {
    /// The numbers of AdamW.
    public struct Settings: Sendable, Hashable {
        /// The decay of the first moment.
        public var beta1: Double = 0.9
        /// The decay of the second moment.
        public var beta2: Double = 0.95
        /// Is added to the root of the second moment.
        public var epsilon: Double = 1e-8
        /// The share of a weight that is taken away for each unit of learning rate.
        public var weightDecay: Double = 0
        /// The largest norm of a step's gradient.
        public var clip: Double = 1

        /// Those of the published recipe.
        public init() {}
    }

    /// One arena that learns.
    public final class Group {
        /// What a saved run calls it.
        public let name: String
        /// What moves.
        public let values: ParameterArena
        /// Where to.
        public let gradients: ParameterArena
        /// The mean of the gradients.
        public let firstMoments: ParameterArena
        /// The mean of their squares.
        public let secondMoments: ParameterArena
        /// Multiplies the learning rate.
        public let rate: Double
        /// The step from which on it learns.
        public let firstStep: Int

        /// - Throws: `MemoryError` when the system has no such memory to give.
        public init(
            name: String, values: ParameterArena, gradients: ParameterArena, rate: Double = 1, firstStep: Int = 0
        ) throws(MemoryError) {
            self.name = name
            self.values = values
            self.gradients = gradients
            firstMoments = try ParameterArena(values.layout)
            secondMoments = try ParameterArena(values.layout)
            self.rate = rate
            self.firstStep = firstStep
        }
    }

    /// What moves together.
    public let groups: [Group]
    private let settings: Settings
    private let kernels: any TrainingKernels

    /// An optimizer that has taken no step.
    public init(groups: [Group], settings: Settings, kernels: any TrainingKernels) {
        self.groups = groups
        self.settings = settings
        self.kernels = kernels
    }

    /// Sets all gradients to 0.
    public func clearGradients() {
        for group in groups { group.gradients.clear() }
    }

    /// The norm of all gradients, after multiplication by `scale`.
    public func gradientNorm(scale: Double) -> Double {
        let sum = groups.reduce(0.0) {
            $0 + kernels.sumOfSquares($1.gradients.pointer, count: $1.gradients.count)
        }
        return sum.squareRoot() * scale
    }

    /// Moves the parameters.
    ///
    /// - Parameters:
    ///   - step: Counted from 0.
    ///   - scale: Multiplies the gradients, before clipping.
    ///   - norm: What ``gradientNorm(scale:)`` said.
    public func apply(step: Int, learningRate: Double, scale: Double, norm: Double) {
        let clipping = min(1, settings.clip / (norm + 1e-6))
        for group in groups where step >= group.firstStep {
            kernels.adamW(
                group.values.pointer, gradients: UnsafePointer(group.gradients.pointer),
                firstMoments: group.firstMoments.pointer, secondMoments: group.secondMoments.pointer,
                count: group.values.count,
                AdamWStep(
                    learningRate: Float(learningRate * group.rate), beta1: Float(settings.beta1),
                    beta2: Float(settings.beta2), epsilon: Float(settings.epsilon),
                    weightDecay: Float(settings.weightDecay), step: step - group.firstStep + 1,
                    gradientScale: Float(scale * clipping)))
        }
    }
}
