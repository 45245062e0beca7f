import DMSCheckpoint
import DMSTensor

/// What the backward pass of one layer needs of its forward pass, besides the layer's input.
final class LayerActivations {
    let attentionNormed: Tensor
    private let hasHeadNorms: Bool
    /// What a norm over heads is about to read; without rows where there is none.
    private let inputOfQueryNorm: Tensor
    private let inputOfKeyNorm: Tensor
    /// Rotated, the borrowed channel treated.
    let queries: Tensor
    let keys: Tensor
    let values: Tensor
    /// Scores of the soft decisions by their deciders, `[sequences · keyValueHeads, length]`.
    let scores: Tensor
    /// The bias of each key, `[sequences · keyValueHeads, length]`.
    let bias: Tensor
    let heads: Tensor
    /// `[sequences · queryHeads, length]`.
    let logSumExp: Tensor
    /// The residual stream between attention and feed-forward.
    let middle: Tensor
    let feedForwardNormed: Tensor
    let gate: Tensor
    let up: Tensor

    init(_ configuration: LlamaConfiguration, sequences: Int, length: Int) throws(MemoryError) {
        let rows = sequences * length
        let queryWidth = configuration.headCount * configuration.headDimension
        let keyWidth = configuration.keyValueHeadCount * configuration.headDimension
        attentionNormed = try Tensor(rows: rows, columns: configuration.hiddenSize)
        hasHeadNorms = configuration.family.normalizesHeads
        inputOfQueryNorm = try Tensor(rows: hasHeadNorms ? rows : 0, columns: queryWidth)
        inputOfKeyNorm = try Tensor(rows: hasHeadNorms ? rows : 0, columns: keyWidth)
        queries = try Tensor(rows: rows, columns: queryWidth)
        keys = try Tensor(rows: rows, columns: keyWidth)
        values = try Tensor(rows: rows, columns: keyWidth)
        scores = try Tensor(rows: sequences * configuration.keyValueHeadCount, columns: length)
        bias = try Tensor(rows: sequences * configuration.keyValueHeadCount, columns: length)
        heads = try Tensor(rows: rows, columns: queryWidth)
        logSumExp = try Tensor(rows: sequences * configuration.headCount, columns: length)
        middle = try Tensor(rows: rows, columns: configuration.hiddenSize)
        feedForwardNormed = try Tensor(rows: rows, columns: configuration.hiddenSize)
        gate = try Tensor(rows: rows, columns: configuration.intermediateSize)
        up = try Tensor(rows: rows, columns: configuration.intermediateSize)
    }

    /// What the projection is written into: the queries themselves where nothing is done to them before the rotation.
    var projectedQueries: MatrixView { hasHeadNorms ? inputOfQueryNorm.view : queries.view }
    /// The same of keys.
    var projectedKeys: MatrixView { hasHeadNorms ? inputOfKeyNorm.view : keys.view }

    /// Bytes that one layer's activations take.
    static func byteCount(_ configuration: LlamaConfiguration, sequences: Int, length: Int) -> Int {
        let queryWidth = configuration.headCount * configuration.headDimension
        let keyWidth = configuration.keyValueHeadCount * configuration.headDimension
        let projected = configuration.family.normalizesHeads ? queryWidth + keyWidth : 0
        let perToken =
            3 * configuration.hiddenSize + 2 * queryWidth + 2 * keyWidth + 2 * configuration.keyValueHeadCount
            + configuration.headCount + 2 * configuration.intermediateSize + projected
        return sequences * length * perToken * 4
    }
}
