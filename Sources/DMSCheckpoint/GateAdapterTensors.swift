import DMSPolicy

/// The names that NVIDIA's trainer gives to the tensors of a gate adapter (Model-Optimizer, `experimental/dms`).
public enum GateAdapterTensorName {
    /// The weight of its RMSNorm, `[hidden_size]`; the epsilon is the model's own.
    public static func norm(_ layer: Int) -> String {
        LlamaTensorName.layer(layer, "self_attn.dms_proj_alpha_norm.weight")
    }

    /// `[num_key_value_heads, hidden_size]`: one row for the gate of each KV head.
    public static func projection(_ layer: Int) -> String { projectionLayer(layer) + ".weight" }

    /// `[num_key_value_heads]`, where the model's attention has biases.
    public static func bias(_ layer: Int) -> String { projectionLayer(layer) + ".bias" }

    /// What the names of weight and bias have in common.
    public static func projectionLayer(_ layer: Int) -> String {
        LlamaTensorName.layer(layer, "self_attn.dms_proj_alpha")
    }

    static let part = ".self_attn.dms_proj_alpha"
}

extension LlamaConfiguration {
    /// The tensors that such a model has beside its ``expectedTensors`` when its gates are adapters.
    ///
    /// They are floats in every checkpoint, also beside layers of integers.
    public var adapterTensors: [ExpectedTensor] {
        (0..<layerCount).flatMap { layer -> [ExpectedTensor] in
            let norm = ExpectedTensor(
                name: GateAdapterTensorName.norm(layer), shape: [hiddenSize], type: nil, meaning: "[hidden_size]")
            let projection = ExpectedTensor(
                name: GateAdapterTensorName.projection(layer), shape: [keyValueHeadCount, hiddenSize], type: nil,
                meaning: "[num_key_value_heads, hidden_size]")
            let bias = ExpectedTensor(
                name: GateAdapterTensorName.bias(layer), shape: [keyValueHeadCount], type: nil,
                meaning: "[num_key_value_heads]")
            return [norm, projection] + (hasAttentionBias ? [bias] : [])
        }
    }
}

extension ModelDirectory {
    /// Whether there are tensors of gate adapters; ``validateWeights()`` requires all of them exactly where the
    /// metadata say that the gates are adapters.
    public var hasGateAdapters: Bool { weights.names.contains { $0.contains(GateAdapterTensorName.part) } }

    /// Whether the files state that decisions come from adapters.
    func statesGateAdapters() throws(CheckpointError) -> Bool {
        try DMSMetadata.read(directory: path, config: configuration.raw)?.configuration.source == .adapter
    }
}
