public import DMSTensor

/// How a ``CompactAttention`` stores keys and values.
public struct CacheConfiguration: Sendable, Hashable {
    /// The element type of keys and values.
    public var kvType: ScalarType
    /// Tokens per page, a power of two.
    ///
    /// Each (sequence, layer, KV head) wastes less than one page.
    public var slotsPerPage: Int
    /// The most bytes that slabs, tables and staging may take together, or `nil`.
    ///
    /// Never exceeded.
    public var budgetBytes: Int?
    /// Rows of one sequence that attention computes at a time in prefill.
    ///
    /// Their keys and values are staged, so this
    /// bounds what prefill needs beyond live tokens.
    public var rowsPerBlock: Int
    /// The most draft rows of a pass: how many tokens, of all sequences together, can be taken back after it.
    ///
    /// What so many tokens may overwrite has room within the budget from the first pass on, with or without drafts; see
    /// ``CacheReport/rollbackBytes``. 0 takes no memory and no drafts.
    public var draftRows: Int
    /// Whether every operation verifies ``CompactAttention/checkInvariants()`` afterwards and ends the program where they do
    /// not hold.
    ///
    /// Takes time with every token that is stored; for tests and the search for a fault.
    public var checksInvariants = false

    /// A configuration; values that cannot be are a programmer's error.
    public init(
        kvType: ScalarType = .float32, slotsPerPage: Int = 32, budgetBytes: Int? = nil, rowsPerBlock: Int = 64,
        draftRows: Int = 0
    ) {
        precondition(rowsPerBlock > 0, "prefill blocks without rows")
        precondition(draftRows >= 0, "a negative number of draft rows")
        self.kvType = kvType
        self.slotsPerPage = slotsPerPage
        self.budgetBytes = budgetBytes
        self.rowsPerBlock = rowsPerBlock
        self.draftRows = draftRows
    }
}
