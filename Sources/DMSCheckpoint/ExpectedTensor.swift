/// A tensor that a model of a given configuration has.
public struct ExpectedTensor: Equatable, Sendable {
    /// As Transformers names it.
    public let name: String
    /// As Transformers shapes it, outputs first.
    public let shape: [Int]
    /// The shape in the words of `config.json`.
    let meaning: String
}

extension LlamaConfiguration {
    /// Every tensor of such a model, in the order of a forward pass.
    ///
    /// `lm_head.weight` is among them exactly when the embeddings are not tied.
    public var expectedTensors: [ExpectedTensor] {
        let vocabulary = ("vocab_size", vocabularySize)
        let hidden = ("hidden_size", hiddenSize)
        var tensors = [Self.tensor(LlamaTensorName.embedding, vocabulary, hidden)]
        for layer in 0..<layerCount {
            tensors.append(Self.tensor(LlamaTensorName.layer(layer, "input_layernorm.weight"), hidden))
            appendAttention(of: layer, to: &tensors)
            tensors.append(Self.tensor(LlamaTensorName.layer(layer, "post_attention_layernorm.weight"), hidden))
            appendFeedForward(of: layer, to: &tensors)
        }
        tensors.append(Self.tensor(LlamaTensorName.finalNorm, hidden))
        if !tiesEmbeddings { tensors.append(Self.tensor(LlamaTensorName.outputHead, vocabulary, hidden)) }
        return tensors
    }

    private func appendAttention(of layer: Int, to tensors: inout [ExpectedTensor]) {
        let hidden = ("hidden_size", hiddenSize)
        let query = ("num_attention_heads * head_dim", headCount * headDimension)
        let keyValue = ("num_key_value_heads * head_dim", keyValueHeadCount * headDimension)
        for (projection, outputs, inputs) in [
            ("q_proj", query, hidden), ("k_proj", keyValue, hidden), ("v_proj", keyValue, hidden),
            ("o_proj", hidden, query),
        ] {
            let name = LlamaTensorName.layer(layer, "self_attn.\(projection)")
            tensors.append(Self.tensor(name + ".weight", outputs, inputs))
            if hasAttentionBias { tensors.append(Self.tensor(name + ".bias", outputs)) }
        }
    }

    private func appendFeedForward(of layer: Int, to tensors: inout [ExpectedTensor]) {
        let hidden = ("hidden_size", hiddenSize)
        let inner = ("intermediate_size", intermediateSize)
        for (projection, outputs, inputs) in [
            ("gate_proj", inner, hidden), ("up_proj", inner, hidden), ("down_proj", hidden, inner),
        ] {
            let name = LlamaTensorName.layer(layer, "mlp.\(projection)")
            tensors.append(Self.tensor(name + ".weight", outputs, inputs))
            if hasFeedForwardBias { tensors.append(Self.tensor(name + ".bias", outputs)) }
        }
    }

    private static func tensor(_ name: String, _ dimensions: (String, Int)...) -> ExpectedTensor {
        ExpectedTensor(
            name: name, shape: dimensions.map(\.1), meaning: "[\(dimensions.map(\.0).joined(separator: ", "))]")
    }
}
