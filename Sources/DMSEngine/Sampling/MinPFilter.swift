/// Keeps tokens at least `p` times as likely as the best (Nguyen et al., "Turning Up the Heat: Min-p Sampling",
/// arXiv 2407.01082).
public struct MinPFilter: LogitFilter {
    /// 0 to 1.
    public let fraction: Double

    /// Keeps tokens at least this likely relative to the best.
    public init(_ fraction: Double) {
        precondition((0...1).contains(fraction), "min-p of \(fraction)")
        self.fraction = fraction
    }

    /// Removes tokens that are too unlikely.
    public func apply(to candidates: inout Candidates) {
        // Weights are relative to the best, which has 1.
        candidates.weigh()
        candidates.keepWeights(above: Float(fraction), andOfEqual: candidates.count)
    }
}
