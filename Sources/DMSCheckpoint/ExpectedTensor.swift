/// A tensor that a model of a given configuration has.
public struct ExpectedTensor: Equatable, Sendable {
    /// As Transformers names it.
    public let name: String
    /// As Transformers shapes it, outputs first.
    public let shape: [Int]
    /// The element type; `nil` for any float that weights may have.
    public let type: TensorDataType?
    /// The shape in the words of `config.json`.
    let meaning: String
}

/// A matrix of a model that multiplies activations.
public struct LinearLayer: Equatable, Sendable {
    /// The name of its weight without `.weight`.
    public let name: String
    public let outputs: Int
    public let inputs: Int

    /// A matrix of so many rows and columns.
    public init(name: String, outputs: Int, inputs: Int) {
        self.name = name
        self.outputs = outputs
        self.inputs = inputs
    }
}

extension LlamaConfiguration {
    /// Every tensor of such a model, in the order of a forward pass, as if none were stored as integers.
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

    /// Every linear layer that has weights of its own, in the same order.
    public var linearLayers: [LinearLayer] {
        expectedTensors.compactMap { tensor in
            guard tensor.shape.count == 2, tensor.name != LlamaTensorName.embedding else { return nil }
            return LinearLayer(
                name: String(tensor.name.dropLast(".weight".count)), outputs: tensor.shape[0], inputs: tensor.shape[1])
        }
    }

    /// Every tensor that a checkpoint holds: three for each layer that is stored as integers, else the
    /// ``expectedTensors``.
    public var storedTensors: [ExpectedTensor] {
        guard let quantization else { return expectedTensors }
        return expectedTensors.flatMap { tensor -> [ExpectedTensor] in
            let layer = String(tensor.name.dropLast(".weight".count))
            guard tensor.shape.count == 2, let scheme = quantization.scheme(of: layer) else { return [tensor] }
            return Self.tensors(of: layer, outputs: tensor.shape[0], inputs: tensor.shape[1], scheme)
        }
    }

    private static func tensors(
        of layer: String, outputs: Int, inputs: Int, _ scheme: WeightQuantization.Scheme
    ) -> [ExpectedTensor] {
        [
            ExpectedTensor(
                name: QuantizedTensorName.codes(layer), shape: [outputs, inputs * scheme.bits / 32], type: .signed32,
                meaning: "[outputs, inputs * \(scheme.bits) / 32]"),
            ExpectedTensor(
                name: QuantizedTensorName.scales(layer), shape: [outputs, inputs / scheme.groupSize], type: .bfloat16,
                meaning: "[outputs, inputs / \(scheme.groupSize)]"),
            ExpectedTensor(
                name: QuantizedTensorName.shape(layer), shape: [2], type: .signed64, meaning: "[2]"),
        ]
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
        guard family.normalizesHeads else { return }
        for norm in ["q_norm", "k_norm"] {
            tensors.append(
                Self.tensor(LlamaTensorName.layer(layer, "self_attn.\(norm).weight"), ("head_dim", headDimension)))
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
            name: name, shape: dimensions.map(\.1), type: nil,
            meaning: "[\(dimensions.map(\.0).joined(separator: ", "))]")
    }
}
