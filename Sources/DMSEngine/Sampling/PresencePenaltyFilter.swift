/// Lowers the logit of every token that was generated before by a constant, once however often it occurred.
///
/// OpenAI's `presence_penalty`: the prompt does not count.
public struct PresencePenaltyFilter: LogitFilter {
    /// Positive discourages, negative encourages.
    public let penalty: Float
    /// The tokens generated so far.
    public private(set) var generated: Set<Int32> = []

    /// Subtracts so much once.
    public init(_ penalty: Float) {
        precondition(penalty.isFinite, "a presence penalty of \(penalty)")
        self.penalty = penalty
    }

    /// Adds a token of the continuation.
    public mutating func observe(_ token: Int32) { generated.insert(token) }

    /// Makes tokens less likely that were generated before.
    public func apply(to candidates: inout Candidates) {
        if generated.isEmpty { return }
        for (index, id) in candidates.ids.enumerated() where generated.contains(id) {
            candidates.setLogit(candidates.logits[index] - penalty, at: index)
        }
    }
}
