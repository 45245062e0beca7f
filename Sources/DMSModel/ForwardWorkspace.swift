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
        let queryWidth = configuration.headCount * configuration.headDimension
        let keyWidth = configuration.keyValueHeadCount * configuration.headDimension
        let half = configuration.headDimension / 2
        let widths = [
            configuration.hiddenSize, configuration.hiddenSize, queryWidth, keyWidth, keyWidth, queryWidth,
            configuration.intermediateSize, configuration.intermediateSize, half, half,
            configuration.keyValueHeadCount,
        ]
        // Every matrix starts at a cache line.
        let sizes = widths.map { (maximumRows * $0 * 4 + 63) / 64 * 64 }
        let flagBytes = maximumRows * configuration.keyValueHeadCount
        let storage = try HostBuffer(byteCount: sizes.reduce(flagBytes, +))
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
}
