/// The tokens of one forward pass: consecutive tokens of one or more sequences.
public struct ForwardBatch: Sendable {
    /// Which rows belong to which sequence.
    public struct Span: Sendable, Hashable {
        /// The sequence's number, given by whoever runs the pass; attention operators keep their state under it.
        public let sequence: Int
        /// Rows of the batch.
        public let rows: Range<Int>
        /// Absolute position of the first row: tokens of the sequence seen before.
        public let firstPosition: Int
        /// Whether the tokens reach attention one after another, as in decode, although they share the pass.
        ///
        /// A cache that orders keys by when they arrived rounds differently for tokens that arrive together. Tokens
        /// that were decoded are computed again with the same bits only in this way. A single row always is.
        public let rowByRow: Bool
        /// How many of the last rows are guesses, which may be taken back after the pass.
        ///
        /// They follow at least one row that stays, and arrive row by row. Only a ``DraftingAttention`` takes them.
        public let draftRows: Int

        /// Tokens of one sequence.
        public init(
            sequence: Int, rows: Range<Int>, firstPosition: Int, rowByRow: Bool = false, draftRows: Int = 0
        ) {
            self.sequence = sequence
            self.rows = rows
            self.firstPosition = firstPosition
            self.rowByRow = rowByRow || rows.count == 1
            self.draftRows = draftRows
            precondition(
                draftRows == 0 || self.rowByRow && (0..<rows.count).contains(draftRows),
                "\(draftRows) draft rows of \(rows.count)")
        }
    }

    /// Token ids, one per row.
    public private(set) var tokens: [Int32] = []
    /// Absolute positions, one per row.
    public private(set) var positions: [Int32] = []
    /// The spans, in row order, covering every row once.
    public private(set) var spans: [Span] = []

    /// No tokens.
    public init() {}

    /// A batch of one sequence.
    public init(sequence: Int = 0, tokens: some Collection<Int32>, firstPosition: Int) {
        append(sequence: sequence, tokens: tokens, firstPosition: firstPosition)
    }

    /// Adds the next tokens of a sequence.
    ///
    /// A sequence may occur once.
    public mutating func append(
        sequence: Int, tokens: some Collection<Int32>, firstPosition: Int, rowByRow: Bool = false, draftRows: Int = 0
    ) {
        precondition(!tokens.isEmpty, "a span without tokens")
        precondition(firstPosition >= 0, "a negative position")
        precondition(!spans.contains { $0.sequence == sequence }, "sequence \(sequence) occurs twice")
        let start = self.tokens.count
        self.tokens.append(contentsOf: tokens)
        for offset in 0..<tokens.count { positions.append(Int32(firstPosition + offset)) }
        spans.append(
            Span(
                sequence: sequence, rows: start..<self.tokens.count, firstPosition: firstPosition, rowByRow: rowByRow,
                draftRows: draftRows))
    }

    /// Empties the batch and keeps its memory.
    public mutating func removeAll() {
        tokens.removeAll(keepingCapacity: true)
        positions.removeAll(keepingCapacity: true)
        spans.removeAll(keepingCapacity: true)
    }

    /// Rows in all.
    public var rowCount: Int { tokens.count }
}
