public import DMSTensor

/// FP32 tensors in one piece of memory: weights, their gradients, or a moment of the optimizer.
public final class ParameterArena: @unchecked Sendable {
    // Invariant for Sendable: the trainer that owns an arena writes to it; a frozen arena is only read.

    /// What lies where.
    public let layout: ParameterLayout
    private let buffer: HostBuffer

    /// Zeros.
    ///
    /// - Throws: `MemoryError` when the system has no such memory to give.
    public init(_ layout: ParameterLayout) throws(MemoryError) {
        self.layout = layout
        buffer = try HostBuffer(byteCount: layout.count * 4)
    }

    /// All values, while the arena lives.
    public var pointer: UnsafeMutablePointer<Float> { buffer.pointer.assumingMemoryBound(to: Float.self) }
    /// How many values there are.
    public var count: Int { layout.count }

    /// One tensor, valid while the arena lives.
    public func matrix(_ index: Int) -> MatrixView {
        let entry = layout.entries[index]
        return MatrixView(
            pointer: pointer + entry.offset, rows: entry.rows, columns: entry.columns, stride: entry.columns)
    }

    /// Sets all values to 0.
    public func clear() { pointer.update(repeating: 0, count: count) }
}
