/// Makes tokens seen before less likely (Keskar et al., "CTRL", arXiv 1909.05858, section 4.1).
///
/// As in Transformers, a positive logit is divided and a negative one multiplied by the penalty, once however often
/// the token occurred, and the prompt counts.
public struct RepetitionPenaltyFilter: LogitFilter {
    /// Positive; above 1 discourages, below 1 encourages.
    public let penalty: Float
    /// The tokens seen so far.
    public private(set) var seen: Set<Int32> = []

    /// Divides positive and multiplies negative logits by this.
    public init(_ penalty: Float) {
        precondition(penalty > 0 && penalty.isFinite, "a repetition penalty of \(penalty)")
        self.penalty = penalty
    }

    /// Adds tokens of the prompt or of the continuation.
    public mutating func observe(_ tokens: some Sequence<Int32>) { seen.formUnion(tokens) }

    /// Makes tokens less likely that were there before, in the prompt too.
    public func apply(to candidates: inout Candidates) {
        for (index, id) in candidates.ids.enumerated() where seen.contains(id) {
            let logit = candidates.logits[index]
            candidates.setLogit(logit > 0 ? logit / penalty : logit * penalty, at: index)
        }
    }
}
