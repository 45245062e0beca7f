/// Names, shapes and places of tensors that lie one after the other in one piece of memory.
///
/// Each begins at a cache line; what lies between is 0 in values, gradients and moments alike, so that the whole piece
/// can be treated as one long vector.
public struct ParameterLayout: Sendable, Hashable {
    /// One tensor: a matrix, or a vector as a matrix of one row.
    public struct Entry: Sendable, Hashable {
        /// As checkpoints name it.
        public let name: String
        /// As a file states it: `[rows, columns]`, or `[columns]` for a vector.
        public let shape: [Int]
        /// In elements from the start.
        public let offset: Int

        /// Rows as a matrix; 1 for a vector.
        public var rows: Int { shape.count == 2 ? shape[0] : 1 }
        /// Elements of a row.
        public var columns: Int { shape.last ?? 0 }
        /// Elements in all.
        public var count: Int { shape.reduce(1, *) }
    }

    /// The tensors, in the order in which they lie.
    public let entries: [Entry]
    /// Elements in all, the gaps included.
    public let count: Int

    /// Tensors one after another.
    public init(_ tensors: [(name: String, shape: [Int])]) {
        var entries: [Entry] = []
        var offset = 0
        for tensor in tensors {
            precondition((1...2).contains(tensor.shape.count), "a tensor of shape \(tensor.shape)")
            entries.append(Entry(name: tensor.name, shape: tensor.shape, offset: offset))
            offset += (tensor.shape.reduce(1, *) + 15) / 16 * 16
        }
        self.entries = entries
        count = offset
    }
}
