public import DMSTensor

/// The weights of one layer.
public struct LlamaLayerWeights: Sendable {
    public let attentionNorm: NormWeight
    public let query: LinearWeight
    public let key: LinearWeight
    public let value: LinearWeight
    public let output: LinearWeight
    public let feedForwardNorm: NormWeight
    public let gate: LinearWeight
    public let up: LinearWeight
    public let down: LinearWeight

    public init(
        attentionNorm: NormWeight, query: LinearWeight, key: LinearWeight, value: LinearWeight, output: LinearWeight,
        feedForwardNorm: NormWeight, gate: LinearWeight, up: LinearWeight, down: LinearWeight
    ) {
        self.attentionNorm = attentionNorm
        self.query = query
        self.key = key
        self.value = value
        self.output = output
        self.feedForwardNorm = feedForwardNorm
        self.gate = gate
        self.up = up
        self.down = down
    }
}

/// The weight of an RMSNorm, widened to FP32.
public final class NormWeight: Sendable {
    private let buffer: HostBuffer
    public let count: Int

    /// - Parameter buffer: `count` FP32 values that nobody writes to any more.
    public init(_ buffer: HostBuffer, count: Int) {
        precondition(buffer.byteCount == count * 4, "a norm weight of another size")
        self.buffer = buffer
        self.count = count
    }

    public var pointer: UnsafePointer<Float> { UnsafePointer(buffer.pointer.assumingMemoryBound(to: Float.self)) }
}

/// All weights of a Llama model, immutable and shared.
public final class LlamaWeights: Sendable {
    public let embedding: LinearWeight
    public let layers: [LlamaLayerWeights]
    public let finalNorm: NormWeight
    /// The embedding itself where they are tied.
    public let head: LinearWeight

    public init(embedding: LinearWeight, layers: [LlamaLayerWeights], finalNorm: NormWeight, head: LinearWeight) {
        self.embedding = embedding
        self.layers = layers
        self.finalNorm = finalNorm
        self.head = head
    }

    /// Bytes that one decode step reads: every matrix once, one row of the embedding left out of account.
    public var bytesPerDecodeStep: Int {
        layers.reduce(head.byteCount + finalNorm.count * 4) { total, layer in
            let matrices = [layer.query, layer.key, layer.value, layer.output, layer.gate, layer.up, layer.down]
            return matrices.reduce(total + (layer.attentionNorm.count + layer.feedForwardNorm.count) * 4) {
                $0 + $1.byteCount
            }
        }
    }

    /// Multiplications and additions that one token costs in the layers' matrices, the LM head left out.
    public var operationsPerToken: Int {
        layers.reduce(0) { total, layer in
            let matrices = [layer.query, layer.key, layer.value, layer.output, layer.gate, layer.up, layer.down]
            return matrices.reduce(total) { $0 + 2 * $1.outputs * $1.inputs }
        }
    }
}
