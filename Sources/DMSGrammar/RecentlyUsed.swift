/// A table of bounded size, from which the least recently used entry goes first.
package struct RecentlyUsed<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let limit: Int
    private var entries: [Key: (value: Value, lastUse: Int)] = [:]
    private var clock = 0

    /// - Parameter limit: The most entries, at least one.
    package init(limit: Int) {
        precondition(limit >= 1, "a table without entries")
        self.limit = limit
    }

    package var count: Int { entries.count }

    /// The value of a key, which is used by that.
    package mutating func value(for key: Key) -> Value? {
        guard let value = entries[key]?.value else { return nil }
        clock += 1
        entries[key]?.lastUse = clock
        return value
    }

    /// O(entries) when the table is full.
    package mutating func insert(_ value: Value, for key: Key) {
        clock += 1
        if entries[key] == nil, entries.count >= limit {
            let oldest = entries.min { $0.value.lastUse < $1.value.lastUse }
            if let oldest { entries[oldest.key] = nil }
        }
        entries[key] = (value, clock)
    }
}
