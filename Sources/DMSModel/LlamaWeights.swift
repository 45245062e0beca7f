public import DMSTensor

/// The weights of one layer.
public struct LlamaLayerWeights: Sendable {
    /// Before attention.
    public let attentionNorm: NormWeight
    /// `[queryHeads · d, hidden]`.
    public let query: LinearWeight
    /// `[keyValueHeads · d, hidden]`.
    public let key: LinearWeight
    /// `[keyValueHeads · d, hidden]`.
    public let value: LinearWeight
    /// `[hidden, queryHeads · d]`.
    public let output: LinearWeight
    /// Over each head of queries and keys; `nil` in families without.
    public let headNorms: HeadNorms?
    /// Before the feed-forward layers.
    public let feedForwardNorm: NormWeight
    /// `[intermediate, hidden]`, what goes through SiLU.
    public let gate: LinearWeight
    /// `[intermediate, hidden]`.
    public let up: LinearWeight
    /// `[hidden, intermediate]`.
    public let down: LinearWeight
    /// What the layer's gates are read with, where they are not channels of its queries.
    public let gateAdapter: GateAdapter?

    /// The weights of a layer; who runs them checks their shapes.
    public init(
        attentionNorm: NormWeight, query: LinearWeight, key: LinearWeight, value: LinearWeight, output: LinearWeight,
        headNorms: HeadNorms? = nil, feedForwardNorm: NormWeight, gate: LinearWeight, up: LinearWeight,
        down: LinearWeight, gateAdapter: GateAdapter? = nil
    ) {
        self.attentionNorm = attentionNorm
        self.query = query
        self.key = key
        self.value = value
        self.output = output
        self.headNorms = headNorms
        self.feedForwardNorm = feedForwardNorm
        self.gate = gate
        self.up = up
        self.down = down
        self.gateAdapter = gateAdapter
    }
}

extension LlamaLayerWeights {
    /// The same with every matrix as a function wants it, gates' adapters left out: they are few.
    fileprivate func arranged(
        _ arrange: (LinearWeight) throws(MemoryError) -> LinearWeight
    ) throws(MemoryError) -> LlamaLayerWeights {
        LlamaLayerWeights(
            attentionNorm: attentionNorm, query: try arrange(query), key: try arrange(key), value: try arrange(value),
            output: try arrange(output), headNorms: headNorms, feedForwardNorm: feedForwardNorm,
            gate: try arrange(gate), up: try arrange(up), down: try arrange(down), gateAdapter: gateAdapter)
    }

    /// All that a token is multiplied with.
    fileprivate var matrices: [LinearWeight] {
        [query, key, value, output, gate, up, down] + (gateAdapter.map { [$0.projection] } ?? [])
    }
}

/// The weight of an RMSNorm, widened to FP32.
public final class NormWeight: Sendable {
    private let buffer: HostBuffer
    /// How many there are.
    public let count: Int

    /// - Parameter buffer: `count` FP32 values that nobody writes to any more.
    public init(_ buffer: HostBuffer, count: Int) {
        precondition(buffer.byteCount == count * 4, "a norm weight of another size")
        self.buffer = buffer
        self.count = count
    }

    /// The weights, while this value lives.
    public var pointer: UnsafePointer<Float> { UnsafePointer(buffer.pointer.assumingMemoryBound(to: Float.self)) }
}

/// All weights of a model, immutable and shared.
public final class LlamaWeights: Sendable {
    /// `[vocabulary, hidden]`.
    public let embedding: LinearWeight
    /// The layers, the first at the embedding.
    public let layers: [LlamaLayerWeights]
    /// Before the head.
    public let finalNorm: NormWeight
    /// The embedding itself where they are tied.
    public let head: LinearWeight

    /// Weights from anywhere; who runs them checks their shapes.
    public init(embedding: LinearWeight, layers: [LlamaLayerWeights], finalNorm: NormWeight, head: LinearWeight) {
        self.embedding = embedding
        self.layers = layers
        self.finalNorm = finalNorm
        self.head = head
    }

    /// The same weights as products of a precision want them, and a layout says; those that are wanted as they are stay
    /// shared.
    func arranged(
        for precision: Precision, layout: WeightLayout, kernels: any InferenceKernels
    ) throws(MemoryError) -> LlamaWeights {
        func arrange(_ weight: LinearWeight) throws(MemoryError) -> LinearWeight {
            try kernels.arranged(weight, for: precision, layout: layout)
        }
        var arranged: [LlamaLayerWeights] = []
        for layer in layers { arranged.append(try layer.arranged(arrange)) }
        return LlamaWeights(
            embedding: embedding, layers: arranged, finalNorm: finalNorm, head: try arrange(head))
    }

    /// Bytes that one decode step reads: every matrix once, one row of the embedding left out of account.
    public var bytesPerDecodeStep: Int {
        layers.reduce(head.byteCount + finalNorm.count * 4) { total, layer in
            let norms = [
                layer.attentionNorm, layer.feedForwardNorm, layer.headNorms?.query, layer.headNorms?.key,
                layer.gateAdapter?.norm,
            ]
            let normBytes = norms.reduce(0) { $0 + ($1?.count ?? 0) * 4 }
            return layer.matrices.reduce(total + normBytes) { $0 + $1.byteCount }
        }
    }

    /// Multiplications and additions that one token costs in the layers' matrices, the LM head left out.
    public var operationsPerToken: Int {
        layers.reduce(0) { total, layer in
            layer.matrices.reduce(total) { $0 + 2 * $1.outputs * $1.inputs }
        }
    }
}
