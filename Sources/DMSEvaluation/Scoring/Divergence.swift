/// How far a subject's predictions are from a reference's, over the same positions of the same text.
public struct Divergence: Sendable, Hashable {
    /// Σ KL(reference ‖ subject) in nats.
    public private(set) var klSum = 0.0
    /// The largest KL of one position, in nats.
    public private(set) var largestKL = 0.0
    /// Positions at which both find the same token most likely.
    public private(set) var agreements = 0
    /// Positions compared.
    public private(set) var count = 0
    /// The largest difference of the log-probability of the token that really follows, in nats.
    public private(set) var largestLogProbabilityDifference = 0.0

    /// No positions compared.
    public init() {}

    /// Adds one position.
    mutating func add(reference: LogitRow, subject: LogitRow, target: Int32) {
        add(kl: reference.divergence(to: subject), reference: reference, subject: subject, target: target)
    }

    /// Adds one position whose KL(reference ‖ subject) is known already.
    mutating func add(kl: Double, reference: LogitRow, subject: LogitRow, target: Int32) {
        klSum += kl
        largestKL = max(largestKL, kl)
        if reference.best == subject.best { agreements += 1 }
        let difference = abs(reference.logProbability(target) - subject.logProbability(target))
        largestLogProbabilityDifference = max(largestLogProbabilityDifference, difference)
        count += 1
    }

    /// Adds the positions of another run.
    mutating func merge(_ other: Divergence) {
        klSum += other.klSum
        largestKL = max(largestKL, other.largestKL)
        agreements += other.agreements
        count += other.count
        largestLogProbabilityDifference = max(largestLogProbabilityDifference, other.largestLogProbabilityDifference)
    }

    /// Mean KL in nats per position ("KLD"), or `nil` where nothing was compared.
    public var meanKL: Double? { count > 0 ? klSum / Double(count) : nil }
    /// The share of positions at which both find the same token most likely, 0 … 1.
    public var top1Agreement: Double? { count > 0 ? Double(agreements) / Double(count) : nil }
}
