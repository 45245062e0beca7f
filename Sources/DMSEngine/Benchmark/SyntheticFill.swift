import DMSCache
import DMSCheckpoint
import DMSModel
import DMSTensor

/// Lets random keys and values arrive in a cache as a prompt's would, with the decisions of a gate that does not look
/// at them, and without a model or attention.
struct SyntheticFill: ~Copyable {
    private let kernels: TimedKernels
    private let layerCount: Int
    private let shape: AttentionShape
    private let chunk: Int
    private let queries: Tensor
    private let keys: Tensor
    private let values: Tensor

    /// - Parameters:
    ///   - kernels: Those of the cache that is to be filled.
    ///   - chunk: Tokens that arrive together.
    /// - Throws: `MemoryError` when the system has no room for them.
    init(_ model: LlamaModel, kernels: TimedKernels, chunk: Int) throws(MemoryError) {
        let shape = model.attentionShape
        let keyWidth = shape.keyValueHeads * shape.headDimension
        let queries = try Tensor(rows: chunk, columns: shape.queryHeads * shape.headDimension)
        let keys = try Tensor(rows: chunk, columns: keyWidth)
        let values = try Tensor(rows: chunk, columns: keyWidth)
        self.kernels = kernels
        self.chunk = chunk
        self.shape = shape
        layerCount = model.configuration.layerCount
        self.queries = queries
        self.keys = keys
        self.values = values
    }

    /// Fills a sequence with the first `context` tokens.
    ///
    /// - Parameter source: Who decides; `nil` for nobody.
    /// - Throws: What the cache throws.
    func fill(_ cache: CompactAttention, sequence: Int, context: Int, source: (any EvictionSource)?) throws {
        kernels.skipsAttention = true
        defer { kernels.skipsAttention = false }
        var random = UniformDraws()
        var start = 0
        while start < context {
            let rows = min(chunk, context - start)
            let batch = ForwardBatch(
                sequence: sequence, tokens: repeatElement(0, count: rows), firstPosition: start)
            try cache.begin(batch)
            for layer in 0..<layerCount {
                random.fill(keys.view(rows: rows))
                random.fill(values.view(rows: rows))
                try attend(cache, layer, batch, source)
            }
            cache.finish(batch)
            start += rows
        }
    }

    private func attend(
        _ cache: CompactAttention, _ layer: Int, _ batch: ForwardBatch, _ source: (any EvictionSource)?
    ) throws {
        let rows = batch.rowCount
        let heads = shape.keyValueHeads
        let flags = source.map { source in
            batch.positions.flatMap { position -> [UInt8] in
                (0..<heads).map { source.evicts(layer: layer, head: $0, position: Int(position)) ? 1 : 0 }
            }
        }
        try (flags ?? []).withUnsafeBufferPointer { buffer in
            let decisions = buffer.baseAddress.flatMap { pointer in
                flags == nil ? nil : EvictionDecisions(flags: pointer, rows: rows, heads: heads)
            }
            let input = AttentionInput(
                queries: queries.view(rows: rows), keys: keys.view(rows: rows), values: values.view(rows: rows),
                decisions: decisions)
            // Nothing is written there.
            try cache.attend(layer: layer, input, into: queries.view(rows: rows))
        }
    }
}

/// Numbers of mean 0 and variance 1, as projections of normalised rows have: xorshift64* (Marsaglia 2003, Vigna 2016).
private struct UniformDraws {
    private var state: UInt64 = 0x9E37_79B9_7F4A_7C15

    mutating func fill(_ matrix: MatrixView) {
        let unit = Float(3).squareRoot() * 0x1p-31
        for index in 0..<matrix.rows {
            let row = matrix.row(index)
            for column in row.indices {
                state ^= state >> 12
                state ^= state << 25
                state ^= state >> 27
                row[column] = Float(Int32(truncatingIfNeeded: (state &* 0x2545_F491_4F6C_DD1D) >> 32)) * unit
            }
        }
    }
}
