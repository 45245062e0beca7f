/// Lowers the logit of a token in proportion to how often it was generated before.
///
/// OpenAI's `frequency_penalty`: the prompt does not count.
public struct FrequencyPenaltyFilter: LogitFilter {
    /// Positive discourages, negative encourages.
    public let penalty: Float
    /// How often each token was generated so far.
    public private(set) var counts: [Int32: Int] = [:]

    /// Subtracts so much for every time that a token was generated.
    public init(_ penalty: Float) {
        precondition(penalty.isFinite, "a frequency penalty of \(penalty)")
        self.penalty = penalty
    }

    /// Adds a token of the continuation.
    public mutating func observe(_ token: Int32) { counts[token, default: 0] += 1 }

    /// Makes tokens less likely that were generated often.
    public func apply(to candidates: inout Candidates) {
        if counts.isEmpty { return }
        for (index, id) in candidates.ids.enumerated() {
            guard let count = counts[id] else { continue }
            candidates.setLogit(candidates.logits[index] - penalty * Float(count), at: index)
        }
    }
}
