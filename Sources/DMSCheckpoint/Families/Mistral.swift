extension ModelFamily {
    /// Mistral: the graph of Llama without biases; what differs is what its configuration assumes.
    ///
    /// A missing `sliding_window` means 4096 to its writers, a missing `num_key_value_heads` 8.
    static let mistral = ModelFamily(
        name: "Mistral", modelType: "mistral", architecture: "MistralForCausalLM",
        scope: "models without a sliding window; the tokenizers of the published ones are not read yet",
        normalizesHeads: false,
        statedKeys: ["sliding_window", "num_key_value_heads"],
        neutralValues: ["attention_bias": .no, "mlp_bias": .no, "sliding_window": .wholeContext])
}
