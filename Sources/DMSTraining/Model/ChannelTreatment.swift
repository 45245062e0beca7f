public import DMSPolicy

/// What training does with the borrowed query channels.
public enum ChannelTreatment: Sendable {
    /// Nothing: a plain model, as in pretraining.
    case untouched
    /// The channel's activation is multiplied by a factor that falls from 1 to 0 over the zeroing phase.
    case fading(Float)
    /// The channel is a gate.
    case gated(GateTreatment)
}

/// A gate in training.
public struct GateTreatment: Sendable {
    /// How raw values become biases.
    public let soft: SoftGate
    /// From which query on a bias counts.
    public let rule: RetentionRule
    /// Which token decides for which.
    public let assembly: DecisionAssembly
    /// When the borrowed channel is silenced.
    public let zeroing: ChannelZeroing
    /// `nil`: no noise, as when a gate is looked at and not trained.
    public let noise: LogisticNoise?

    /// What becomes of the borrowed channel in a step that trains gates.
    public init(
        soft: SoftGate, rule: RetentionRule, assembly: DecisionAssembly, zeroing: ChannelZeroing, noise: LogisticNoise?
    ) {
        self.soft = soft
        self.rule = rule
        self.assembly = assembly
        self.zeroing = zeroing
        self.noise = noise
    }
}
