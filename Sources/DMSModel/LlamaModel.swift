public import DMSCheckpoint
public import DMSPolicy
public import DMSTensor
import Synchronization

/// The graph of Llama and its kin, written once, over whatever attention operator it is given.
///
/// What a family adds is among the layers' weights, such as ``HeadNorms``; the graph knows no family.
/// Immutable and shared; everything that changes lives in the operator and the workspace. Not to be run from two
/// threads at a time, because the kernels are not.
public final class LlamaModel: Sendable {
    /// The model's shape.
    public let configuration: LlamaConfiguration
    /// Its weights, as the kernels want them in this precision.
    public let weights: LlamaWeights
    /// How this checkpoint decides about eviction; `nil` for a plain model.
    public let dms: DMSConfiguration?
    /// How products are computed.
    public let precision: Precision
    /// What computes them.
    public let kernels: any InferenceKernels
    /// The heads, as kernels and caches want to know them.
    public let attentionShape: AttentionShape
    private let inverseFrequencies: [Float]
    private let evictionHead: EvictionHead?
    private let turns = Mutex(())

    /// Runs a pass when no other is run: kernels work in memory of their own, which passes share.
    package func inTurn<Failure>(_ pass: () throws(Failure) -> Void) throws(Failure) {
        try turns.withLock { _ throws(Failure) in try pass() }
    }

    /// - Parameter layout: How weights are to lie; what lies in panels already stays there.
    /// - Throws: ``ModelError`` when the weights have gate adapters and decisions come from elsewhere, or the other way
    ///   round, or the borrowed channel does not exist; `MemoryError` when the system has no memory for the kernels to
    ///   work in, or for weights that they want laid out anew.
    public init(
        configuration: LlamaConfiguration, weights: LlamaWeights, dms: DMSConfiguration?, precision: Precision,
        layout: WeightLayout = .stored, kernels: any InferenceKernels
    ) throws {
        self.configuration = configuration
        self.dms = dms
        self.precision = precision
        self.kernels = kernels
        attentionShape = AttentionShape(
            queryHeads: configuration.headCount, keyValueHeads: configuration.keyValueHeadCount,
            headDimension: configuration.headDimension)
        inverseFrequencies = configuration.rope.inverseFrequencies(headDimension: configuration.headDimension)
        let widest = max(
            configuration.hiddenSize, configuration.intermediateSize,
            configuration.headCount * configuration.headDimension)
        try kernels.reserveLinear(inputs: widest, precision: precision)
        if let dms {
            try GateAdapter.require(dms.source, in: weights)
            do {
                evictionHead = try EvictionHead(dms, shape: attentionShape)
            } catch {
                throw ModelError("\(error)")
            }
        } else {
            evictionHead = nil
        }
        // Last, as it may take seconds and gigabytes.
        self.weights = try weights.arranged(for: precision, layout: layout, kernels: kernels)
    }

    /// Runs all layers over a batch.
    ///
    /// - Returns: The normalised hidden state of every row, `[rows, hidden]`, valid until the workspace is used again;
    ///   ``logits(_:into:)`` turns rows of it into logits.
    /// - Throws: ``ModelError`` for a token outside the vocabulary or a batch larger than the workspace, and whatever
    ///   the operator throws.
    public func forward(
        _ batch: ForwardBatch, attention: any AttentionOperator, eviction: EvictionControl = .model,
        workspace: borrowing ForwardWorkspace, observer: (any ActivationObserver)? = nil
    ) throws -> MatrixView {
        try validate(batch, workspace)
        let rows = batch.rowCount
        let residual = workspace.residual.first(rows)
        kernels.embedding(batch.tokens, table: weights.embedding, into: residual)
        observer?.observe(.embedding, residual)
        kernels.ropeTable(
            positions: batch.positions, inverseFrequencies: inverseFrequencies, cosine: workspace.cosine.first(rows),
            sine: workspace.sine.first(rows))
        try attention.begin(batch)
        for layer in weights.layers.indices {
            try attentionBlock(layer, batch, attention, eviction, workspace, observer)
            feedForwardBlock(layer, rows, workspace, observer)
            observer?.observe(.residual(layer: layer), residual)
        }
        attention.finish(batch)
        let normed = workspace.normed.first(rows)
        kernels.rmsNorm(
            residual, weight: weights.finalNorm.pointer, epsilon: configuration.normEpsilon, into: normed)
        observer?.observe(.finalNorm, normed)
        return normed
    }

    /// The LM head: logits of hidden states, `[rows, vocabulary]`.
    public func logits(_ hidden: MatrixView, into output: MatrixView) {
        kernels.linear(hidden, precision: precision, LinearTask(weights.head, into: output))
    }

    private func validate(_ batch: ForwardBatch, _ workspace: borrowing ForwardWorkspace) throws(ModelError) {
        if batch.rowCount == 0 { throw ModelError("a pass over no token") }
        if batch.rowCount > workspace.maximumRows {
            throw ModelError("a pass of \(batch.rowCount) rows; this workspace holds \(workspace.maximumRows)")
        }
        for token in batch.tokens where token < 0 || Int(token) >= configuration.vocabularySize {
            throw ModelError("token id \(token): required 0 ..< \(configuration.vocabularySize)")
        }
    }

    private func attentionBlock(
        _ layer: Int, _ batch: ForwardBatch, _ attention: any AttentionOperator, _ eviction: EvictionControl,
        _ workspace: borrowing ForwardWorkspace, _ observer: (any ActivationObserver)?
    ) throws {
        let rows = batch.rowCount
        let layerWeights = weights.layers[layer]
        let residual = workspace.residual.first(rows)
        let normed = workspace.normed.first(rows)
        let queries = workspace.queries.first(rows)
        let keys = workspace.keys.first(rows)
        let values = workspace.values.first(rows)
        let heads = workspace.heads.first(rows)
        let cosine = workspace.cosine.first(rows)
        let sine = workspace.sine.first(rows)

        kernels.rmsNorm(
            residual, weight: layerWeights.attentionNorm.pointer, epsilon: configuration.normEpsilon, into: normed)
        observer?.observe(.attentionNorm(layer: layer), normed)
        kernels.linear(
            normed, precision: precision, LinearTask(layerWeights.query, into: queries),
            LinearTask(layerWeights.key, into: keys), LinearTask(layerWeights.value, into: values))
        layerWeights.headNorms?.apply(
            queries: queries, keys: keys, epsilon: configuration.normEpsilon, kernels: kernels)
        observer?.observe(.query(layer: layer), queries)
        observer?.observe(.key(layer: layer), keys)
        observer?.observe(.value(layer: layer), values)

        // The adapter, where there is one, normalises into memory that is free by now.
        if evictionHead != nil {
            layerWeights.gateAdapter?.read(
                residual, scratch: normed, epsilon: configuration.normEpsilon, precision: precision, kernels: kernels,
                into: workspace.gateRaw.first(rows))
        }
        let decisions = decide(layer, batch, queries, eviction, workspace, observer)
        evictionHead?.zeroBeforeRope(queries)
        kernels.rope(queries, heads: configuration.headCount, cosine: cosine, sine: sine)
        kernels.rope(keys, heads: configuration.keyValueHeadCount, cosine: cosine, sine: sine)
        evictionHead?.zeroAfterRope(queries)
        observer?.observe(.rotatedQuery(layer: layer), queries)
        observer?.observe(.rotatedKey(layer: layer), keys)

        let input = AttentionInput(queries: queries, keys: keys, values: values, decisions: decisions)
        try attention.attend(layer: layer, input, into: heads)
        observer?.observe(.attentionHeads(layer: layer), heads)
        kernels.linear(
            heads, precision: precision, LinearTask(layerWeights.output, into: residual, accumulates: true))
    }

    private func feedForwardBlock(
        _ layer: Int, _ rows: Int, _ workspace: borrowing ForwardWorkspace, _ observer: (any ActivationObserver)?
    ) {
        let layerWeights = weights.layers[layer]
        let residual = workspace.residual.first(rows)
        let normed = workspace.normed.first(rows)
        let gate = workspace.gate.first(rows)
        let up = workspace.up.first(rows)
        kernels.rmsNorm(
            residual, weight: layerWeights.feedForwardNorm.pointer, epsilon: configuration.normEpsilon, into: normed)
        observer?.observe(.feedForwardNorm(layer: layer), normed)
        kernels.linear(
            normed, precision: precision, LinearTask(layerWeights.gate, into: gate),
            LinearTask(layerWeights.up, into: up))
        kernels.swiglu(gate: gate, up: up)
        kernels.linear(
            gate, precision: precision, LinearTask(layerWeights.down, into: residual, accumulates: true))
    }

    /// The decisions that attention is given, or `nil` where nothing can be evicted.
    private func decide(
        _ layer: Int, _ batch: ForwardBatch, _ queries: MatrixView, _ eviction: EvictionControl,
        _ workspace: borrowing ForwardWorkspace, _ observer: (any ActivationObserver)?
    ) -> EvictionDecisions? {
        let headCount = configuration.keyValueHeadCount
        let flags = workspace.decisionFlags
        if let evictionHead {
            let raw = workspace.gateRaw.first(batch.rowCount)
            evictionHead.read(queries, into: raw)
            evictionHead.decide(raw, flags: flags)
            observer?.observe(.gateRaw(layer: layer), raw)
        }
        switch eviction {
        case .off: return nil
        case .model: if evictionHead == nil { return nil }
        case .forced(let source):
            for (row, position) in batch.positions.enumerated() {
                for head in 0..<headCount {
                    let evicts = source.evicts(layer: layer, head: head, position: Int(position))
                    flags[row * headCount + head] = evicts ? 1 : 0
                }
            }
        }
        let decisions = EvictionDecisions(flags: flags, rows: batch.rowCount, heads: headCount)
        observer?.observe(decisions: decisions, layer: layer, batch: batch)
        return decisions
    }
}

/// A model cannot be built or run as asked.
public struct ModelError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    /// What is wrong, in words.
    public init(_ description: String) { self.description = description }
}
