/// What the cache has allocated, and what it may.
package struct ByteLedger {
    /// The bound that ``allocated`` never exceeds; `nil` for none.
    package let budget: Int?
    package private(set) var allocated = 0
    package private(set) var peak = 0

    package init(budget: Int?) {
        precondition(budget ?? 0 >= 0, "a negative budget")
        self.budget = budget
    }

    /// Bytes that may still be allocated.
    package var available: Int { (budget ?? .max) - allocated }

    /// - Throws: ``CacheError`` unless `bytes` more fit.
    package func require(_ bytes: Int) throws(CacheError) {
        guard let budget, bytes > available else { return }
        throw CacheError(neededBytes: bytes, availableBytes: available, budgetBytes: budget)
    }

    package mutating func add(_ bytes: Int) {
        allocated += bytes
        peak = max(peak, allocated)
        precondition(available >= 0, "allocated \(allocated) bytes over a budget")
    }

    package mutating func subtract(_ bytes: Int) {
        allocated -= bytes
        precondition(allocated >= 0, "returned bytes that were never counted")
    }
}
