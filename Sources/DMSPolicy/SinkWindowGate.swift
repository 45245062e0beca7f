/// The sliding window with attention sinks (Xiao et al., arXiv 2309.17453) as a DMS gate: the control that shows what
/// choosing tokens is worth against merely keeping the newest.
///
/// The first `sinks` tokens are kept, every later one is evicted, and the window is the control's own. Unlike the
/// original, positions stay absolute, as everywhere in DMS.
public struct SinkWindowGate: Sendable, Hashable {
    /// How many of the first tokens are kept.
    public let sinks: Int
    /// The window of this control, to be used in place of the checkpoint's.
    public let rule: RetentionRule

    /// - Throws: ``PolicyError`` for a negative number of sinks.
    public init(sinks: Int, rule: RetentionRule) throws(PolicyError) {
        guard sinks >= 0 else {
            throw PolicyError(field: "sinks", found: "\(sinks)", required: "0 or more")
        }
        self.sinks = sinks
        self.rule = rule
    }

    /// The gate that stores exactly `liveTokens` tokens per head once that many have been seen.
    ///
    /// - Throws: ``PolicyError`` unless `liveTokens` has room for the sinks and the current token.
    public init(sinks: Int, liveTokens: Int) throws(PolicyError) {
        guard sinks < liveTokens else {
            throw PolicyError(
                field: "live tokens", found: "\(liveTokens)", required: "more than the \(sinks) sink tokens")
        }
        try self.init(sinks: sinks, rule: RetentionRule(window: liveTokens - sinks - 1))
    }

    /// Whether the key at `position` is evicted; the same for every layer and head.
    @inlinable
    public func evicts(position: Int) -> Bool { position >= sinks }
}
