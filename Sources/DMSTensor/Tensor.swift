/// An owned FP32 matrix, row-major, 64-byte aligned, zeroed at birth.
///
/// Exactly one owner; the memory goes back when it ends. Kernels are handed ``MatrixView``s of it.
public struct Tensor: ~Copyable {
    /// Rows.
    public let rows: Int
    /// Elements of a row.
    public let columns: Int
    private let buffer: HostBuffer

    /// - Throws: ``MemoryError`` when the system has no such memory to give.
    public init(rows: Int, columns: Int) throws(MemoryError) {
        precondition(rows >= 0 && columns >= 0, "a tensor of \(rows) x \(columns)")
        let (elements, overflow) = rows.multipliedReportingOverflow(by: columns)
        let (bytes, byteOverflow) = elements.multipliedReportingOverflow(by: 4)
        if overflow || byteOverflow {
            throw MemoryError(requestedBytes: .max, reason: "\(rows) x \(columns) elements overflow")
        }
        buffer = try HostBuffer(byteCount: bytes)
        self.rows = rows
        self.columns = columns
    }

    /// The first element.
    public var pointer: UnsafeMutablePointer<Float> { buffer.pointer.assumingMemoryBound(to: Float.self) }

    /// Bytes held.
    public var byteCount: Int { buffer.byteCount }

    /// A view of the first `rows` rows, valid while the tensor lives.
    public func view(rows: Int) -> MatrixView {
        precondition(rows <= self.rows, "\(rows) rows of a tensor with \(self.rows)")
        return MatrixView(pointer: pointer, rows: rows, columns: columns, stride: columns)
    }

    /// A view of everything, valid while the tensor lives.
    public var view: MatrixView { view(rows: rows) }
}

/// A borrowed FP32 matrix with a row stride.
///
/// It owns nothing: it is valid as long as the memory's owner is, and is made to be passed down a call, not stored.
public struct MatrixView {
    /// The first element of the first row.
    public let pointer: UnsafeMutablePointer<Float>
    /// Rows.
    public let rows: Int
    /// Elements of a row.
    public let columns: Int
    /// Elements from one row to the next, at least `columns`.
    public let stride: Int

    /// A view of memory that outlives it.
    public init(pointer: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int) {
        precondition(stride >= columns, "a stride of \(stride) below \(columns) columns")
        self.pointer = pointer
        self.rows = rows
        self.columns = columns
        self.stride = stride
    }

    /// The rows of a range, as a view.
    public func rows(_ range: Range<Int>) -> MatrixView {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
        return MatrixView(
            pointer: pointer + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride)
    }

    /// The first rows, as a view.
    public func first(_ count: Int) -> MatrixView { rows(0..<count) }

    /// The columns of a range, as a view.
    public func columns(_ range: Range<Int>) -> MatrixView {
        precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns \(range) of \(columns)")
        return MatrixView(pointer: pointer + range.lowerBound, rows: rows, columns: range.count, stride: stride)
    }

    /// The heads of every row, as one row each: `[rows · heads, d]`.
    ///
    /// Rows must lie without gaps.
    public func heads(ofDimension dimension: Int) -> MatrixView {
        precondition(
            stride == columns && columns % dimension == 0,
            "heads of \(dimension) in rows of \(columns), stride \(stride)")
        return MatrixView(pointer: pointer, rows: rows * (columns / dimension), columns: dimension, stride: dimension)
    }

    /// One row's elements.
    public func row(_ index: Int) -> UnsafeMutableBufferPointer<Float> {
        precondition(index >= 0 && index < rows, "row \(index) of \(rows)")
        return UnsafeMutableBufferPointer(start: pointer + index * stride, count: columns)
    }

    /// One element.
    public subscript(row: Int, column: Int) -> Float {
        get { self.row(row)[column] }
        nonmutating set { self.row(row)[column] = newValue }
    }
}
