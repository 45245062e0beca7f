public import DMSCheckpoint
import DMSTensor

/// The memory of forward and backward passes of one shape of batch, allocated once.
///
/// The input of every layer is kept. The activations inside a layer are kept for as many of the last layers as a
/// budget allows, and computed again in the backward pass for the others (activation checkpointing, Chen et al., arXiv
/// 1604.06174), which changes no bit of the result.
public final class TrainingWorkspace {
    /// Sequences of a batch.
    public let sequences: Int
    /// Tokens of each.
    public let length: Int
    /// Layers whose activations are kept.
    public let keptLayers: Int
    private let layerCount: Int
    private let kept: [LayerActivations]
    private let shared: LayerActivations?
    private let residuals: Tensor
    let normed: Tensor
    /// The gradient by the residual stream.
    let residualGradient: Tensor
    let normedGradient: Tensor
    let inner: Tensor
    let innerGradient: Tensor
    let headsGradient: Tensor
    let queriesGradient: Tensor
    let keysGradient: Tensor
    let valuesGradient: Tensor
    let raw: Tensor
    let biasGradient: Tensor
    let cosine: Tensor
    let sine: Tensor
    let negativeSine: Tensor

    /// - Parameter activationBytes: What kept activations may take.
    /// - Throws: `MemoryError` when the system has no such memory to give.
    public init(
        _ configuration: LlamaConfiguration, sequences: Int, length: Int, activationBytes: Int
    ) throws {
        self.sequences = sequences
        self.length = length
        layerCount = configuration.layerCount
        let perLayer = LayerActivations.byteCount(configuration, sequences: sequences, length: length)
        keptLayers = min(layerCount, max(0, activationBytes / max(1, perLayer)))
        kept = try (0..<keptLayers).map { _ in
            try LayerActivations(configuration, sequences: sequences, length: length)
        }
        shared =
            keptLayers < layerCount
            ? try LayerActivations(configuration, sequences: sequences, length: length) : nil
        let rows = sequences * length
        let hidden = configuration.hiddenSize
        let queryWidth = configuration.headCount * configuration.headDimension
        let keyWidth = configuration.keyValueHeadCount * configuration.headDimension
        let half = configuration.headDimension / 2
        residuals = try Tensor(rows: (layerCount + 1) * rows, columns: hidden)
        normed = try Tensor(rows: rows, columns: hidden)
        residualGradient = try Tensor(rows: rows, columns: hidden)
        normedGradient = try Tensor(rows: rows, columns: hidden)
        inner = try Tensor(rows: rows, columns: configuration.intermediateSize)
        innerGradient = try Tensor(rows: rows, columns: configuration.intermediateSize)
        headsGradient = try Tensor(rows: rows, columns: queryWidth)
        queriesGradient = try Tensor(rows: rows, columns: queryWidth)
        keysGradient = try Tensor(rows: rows, columns: keyWidth)
        valuesGradient = try Tensor(rows: rows, columns: keyWidth)
        raw = try Tensor(rows: rows, columns: configuration.keyValueHeadCount)
        biasGradient = try Tensor(rows: sequences * configuration.keyValueHeadCount, columns: length)
        cosine = try Tensor(rows: rows, columns: half)
        sine = try Tensor(rows: rows, columns: half)
        negativeSine = try Tensor(rows: rows, columns: half)
    }

    /// The residual stream before layer `index`, and behind the last one for `index == layerCount`.
    func residual(_ index: Int) -> MatrixView {
        let rows = sequences * length
        return residuals.view.rows(index * rows..<(index + 1) * rows)
    }

    /// Whether the backward pass finds the layer's activations as the forward pass left them.
    func keeps(_ layer: Int) -> Bool { layer >= layerCount - keptLayers }

    func activations(_ layer: Int) -> LayerActivations {
        if keeps(layer) { return kept[layer - (layerCount - keptLayers)] }
        guard let shared else { preconditionFailure("a layer that is neither kept nor computed again") }
        return shared
    }
}
