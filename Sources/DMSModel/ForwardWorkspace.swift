public import DMSCheckpoint
public import DMSTensor

/// The activations of one forward pass, allocated once, in one piece.
public struct ForwardWorkspace: ~Copyable {
    /// The most rows of a pass.
    public let maximumRows: Int
    private let storage: HostBuffer
    let residual: MatrixView
    let normed: MatrixView
    let queries: MatrixView
    let keys: MatrixView
    let values: MatrixView
    let heads: MatrixView
    let gate: MatrixView
    let up: MatrixView
    let cosine: MatrixView
    let sine: MatrixView
    let gateRaw: MatrixView
    /// Decisions, `[rows, keyValueHeads]`.
    let decisionFlags: UnsafeMutablePointer<UInt8>

    /// - Throws: ``MemoryError`` when the system has no such memory to give.
    public init(_ configuration: LlamaConfiguration, maximumRows: Int) throws(MemoryError) {
        precondition(maximumRows > 0, "a workspace without rows")
        let widths = Self.widths(configuration)
        let sizes = widths.map { Self.byteCount(rows: maximumRows, width: $0) }
        let storage = try HostBuffer(
            byteCount: Self.byteCount(configuration, maximumRows: maximumRows))
        var offset = 0
        func next(_ index: Int) -> MatrixView {
            let pointer = (storage.pointer + offset).assumingMemoryBound(to: Float.self)
            offset += sizes[index]
            return MatrixView(pointer: pointer, rows: maximumRows, columns: widths[index], stride: widths[index])
        }
        self.maximumRows = maximumRows
        self.storage = storage
        residual = next(0)
        normed = next(1)
        queries = next(2)
        keys = next(3)
        values = next(4)
        heads = next(5)
        gate = next(6)
        up = next(7)
        cosine = next(8)
        sine = next(9)
        gateRaw = next(10)
        decisionFlags = (storage.pointer + offset).assumingMemoryBound(to: UInt8.self)
    }

    /// Bytes held.
    public var byteCount: Int { storage.byteCount }

    /// Bytes that a workspace for so many rows holds.
    public static func byteCount(_ configuration: LlamaConfiguration, maximumRows: Int) -> Int {
        let flagBytes = maximumRows * configuration.keyValueHeadCount
        return widths(configuration).reduce(flagBytes) { $0 + byteCount(rows: maximumRows, width: $1) }
    }

    /// Columns of the matrices, in the order in which they lie.
    private static func widths(_ configuration: LlamaConfiguration) -> [Int] {
        let queryWidth = configuration.headCount * configuration.headDimension
        let keyWidth = configuration.keyValueHeadCount * configuration.headDimension
        let half = configuration.headDimension / 2
        return [
            configuration.hiddenSize, configuration.hiddenSize, queryWidth, keyWidth, keyWidth, queryWidth,
            configuration.intermediateSize, configuration.intermediateSize, half, half,
            configuration.keyValueHeadCount,
        ]
    }

    /// Every matrix starts at a cache line.
    private static func byteCount(rows: Int, width: Int) -> Int { (rows * width * 4 + 63) / 64 * 64 }
}
