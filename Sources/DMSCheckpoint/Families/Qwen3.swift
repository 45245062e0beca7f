extension ModelFamily {
    /// Qwen3, the dense ones: Llama with an RMSNorm over each head of queries and keys before the rotation.
    ///
    /// `sliding_window` and `max_window_layers` are read only where `use_sliding_window` is true, which is refused.
    static let qwen3 = ModelFamily(
        name: "Qwen3", modelType: "qwen3", architecture: "Qwen3ForCausalLM",
        scope: "Qwen3 0.6B to 32B, base and chat; no sliding windows, no biases", normalizesHeads: true,
        statedKeys: ["head_dim", "num_key_value_heads"],
        neutralValues: [
            "attention_bias": .no, "mlp_bias": .no, "sliding_window": .anything, "max_window_layers": .anything,
        ])
}
