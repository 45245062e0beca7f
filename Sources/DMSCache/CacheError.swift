/// The cache's byte budget does not allow what was asked for.
///
/// Nothing has changed.
public struct CacheError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Bytes that would have had to be allocated in the worst case, where every head keeps everything.
    public let neededBytes: Int
    /// Bytes of the budget that are not allocated.
    public let availableBytes: Int
    /// The whole budget.
    public let budgetBytes: Int

    /// An error of a cache that is full.
    public init(neededBytes: Int, availableBytes: Int, budgetBytes: Int) {
        self.neededBytes = neededBytes
        self.availableBytes = availableBytes
        self.budgetBytes = budgetBytes
    }

    public var description: String {
        "the KV cache may need \(neededBytes) more bytes; \(availableBytes) of its budget of \(budgetBytes) are left"
    }
}

/// The cache's bookkeeping contradicts itself: a bug in this package.
public struct CacheInvariantError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
