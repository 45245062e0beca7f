/// Which keys a query may see: the one definition of delayed eviction.
///
///     query i sees key k  ⇔  k ≤ i  and  ( not evicted[k]  or  i − k ≤ window )
///
/// The window is inclusive, so the newest `window + 1` tokens, the current one among them, are always visible.
/// Positions are absolute and counted from 0. Nothing outside this type compares a distance with the window: code
/// that cannot call it (kernels) is given ``lastQuery(seeing:evicted:)`` as a number per key.
public struct RetentionRule: Sendable, Hashable {
    /// The largest window: the largest signed 32-bit number, so that positions fit into 32 bits.
    public static let largestWindow = Int(Int32.max)

    /// The largest distance at which an evicted key is still seen; 0 means that only its own query sees it.
    public let window: Int

    /// - Throws: ``PolicyError`` unless `0 ≤ window ≤` ``largestWindow``.
    public init(window: Int) throws(PolicyError) {
        guard (0...Self.largestWindow).contains(window) else {
            throw PolicyError(
                field: "window_size", found: "\(window)", required: "between 0 and \(Self.largestWindow)")
        }
        self.window = window
    }

    /// Whether the query at position `query` sees the key at position `key`.
    @inlinable
    public func isVisible(key: Int, query: Int, evicted: Bool) -> Bool {
        key <= query && (!evicted || query - key <= window)
    }

    /// The last position whose query sees the key: `key ≤ i ≤ lastQuery` is the whole rule.
    ///
    /// - Returns: `Int32.max` for a key that is kept, and for an evicted one that outlives every 32-bit position.
    @inlinable
    public func lastQuery(seeing key: Int, evicted: Bool) -> Int32 {
        guard evicted else { return .max }
        let (last, overflow) = key.addingReportingOverflow(window)
        return overflow ? .max : Int32(clamping: last)
    }

    /// The only position whose fate is settled when the token at `query` arrives: it leaves the window, and is from
    /// then on either kept for good or gone.
    ///
    /// - Returns: `nil` while everything is still inside the window.
    @inlinable
    public func positionLeaving(at query: Int) -> Int? {
        let position = query - window - 1
        return position >= 0 ? position : nil
    }

    /// The positions among the first `count` tokens that are inside the window of the newest of them, oldest first.
    @inlinable
    public func newest(of count: Int) -> Range<Int> {
        max(0, count - window - 1)..<max(0, count)
    }
}
