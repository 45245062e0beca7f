/// Whose decision applies to which key: token `k + shift` decides for token `k`.
///
/// With a shift of 1 the first token's decision applies to nobody, and the last token is *undecided*: it is kept until
/// its decider arrives. That never delays an eviction. A decision first matters when its key leaves the window, which
/// is at query `k + window + 1` at the earliest `k + 1`, and the decider `k + shift` has arrived by then.
public struct DecisionAssembly: Sendable, Hashable {
    /// 0 or 1.
    public let shift: Int

    /// - Throws: ``PolicyError`` for a shift other than 0 or 1.
    public init(shift: Int) throws(PolicyError) {
        guard shift == 0 || shift == 1 else {
            throw PolicyError(field: "decision_shift", found: "\(shift)", required: "0 or 1")
        }
        self.shift = shift
    }

    /// The key that `token` decides for, or `nil` where there is none before the sequence's start.
    @inlinable
    public func key(decidedBy token: Int) -> Int? {
        token >= shift ? token - shift : nil
    }

    /// The token that decides for `key`.
    @inlinable
    public func decider(of key: Int) -> Int { key + shift }

    /// The keys that a chunk of tokens decides for, in the order of their deciders.
    ///
    /// The first `tokens.count - keys.count` decisions of the chunk apply to nobody: that is 0, except for a chunk at
    /// the very start of a sequence with a shift.
    @inlinable
    public func keys(decidedBy tokens: Range<Int>) -> Range<Int> {
        max(0, tokens.lowerBound - shift)..<max(0, tokens.upperBound - shift)
    }

    /// The keys among the first `count` tokens that nobody has decided for yet, and which are therefore kept.
    @inlinable
    public func undecided(of count: Int) -> Range<Int> {
        max(0, count - shift)..<max(0, count)
    }

    /// What is known about each key after every token of a sequence has made its decision.
    ///
    /// - Parameter decisions: Whether the decision *made by* token 0, 1, 2, … is to evict.
    /// - Returns: For each key whether it is evicted, `nil` while undecided.
    public func evictions(madeBy decisions: [Bool]) -> [Bool?] {
        decisions.indices.map { key in
            decider(of: key) < decisions.count ? decisions[decider(of: key)] : nil
        }
    }
}
