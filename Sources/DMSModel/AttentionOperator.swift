public import DMSTensor

/// What a layer hands to attention: queries and keys carry their rotary position.
public struct AttentionInput {
    /// Rotated queries, `[rows, queryHeads · d]`.
    public let queries: MatrixView
    /// Rotated keys, `[rows, keyValueHeads · d]`.
    public let keys: MatrixView
    /// Values, `[rows, keyValueHeads · d]`.
    public let values: MatrixView
    /// What the tokens of this pass decided, or `nil` where nothing is ever evicted.
    public let decisions: EvictionDecisions?

    /// Rows of one layer, in memory that outlives the call.
    public init(queries: MatrixView, keys: MatrixView, values: MatrixView, decisions: EvictionDecisions?) {
        self.queries = queries
        self.keys = keys
        self.values = values
        self.decisions = decisions
    }
}

/// Decisions of one layer: for each row and KV head, whether the key that this token decides for is to be evicted.
///
/// Which key that is (the token itself, or an earlier one) is `DMSPolicy`'s matter. A borrowed view, valid during the
/// call.
public struct EvictionDecisions {
    /// `[rows, heads]`, 1 to evict, 0 to keep.
    public let flags: UnsafePointer<UInt8>
    /// Rows of the batch.
    public let rows: Int
    /// KV heads.
    public let heads: Int

    /// Decisions in memory that outlives the call, `[rows, heads]`, other than 0 for one that evicts.
    public init(flags: UnsafePointer<UInt8>, rows: Int, heads: Int) {
        self.flags = flags
        self.rows = rows
        self.heads = heads
    }

    /// Whether `row` decided to evict, for one KV head.
    public func evicts(row: Int, head: Int) -> Bool {
        precondition(row < rows && head < heads, "decision (\(row), \(head)) of \(rows) x \(heads)")
        return flags[row * heads + head] != 0
    }
}

/// The seam between the model's graph and a KV cache.
///
/// The graph calls ``begin(_:)`` once, ``attend(layer:_:into:)`` for every layer in order, and ``finish(_:)`` once. It
/// never learns which cache it runs on: the dense reference, the compact serving cache and the trainer's soft mask are
/// operators under one graph. When a pass fails half-way, the operator's state for its sequences is undefined and
/// they must be removed.
public protocol AttentionOperator: AnyObject {
    /// Prepares for a pass; every span must start where its sequence ends.
    ///
    /// - Throws: When there is no memory for the new tokens; nothing has changed then.
    func begin(_ batch: ForwardBatch) throws

    /// Stores the pass's keys and values of one layer and computes attention, `[rows, queryHeads · d]`.
    func attend(layer: Int, _ input: AttentionInput, into output: MatrixView) throws

    /// Ends a pass after the last layer.
    func finish(_ batch: ForwardBatch)
}
