extension ModelFamily {
    /// Llama itself, SmolLM and SmolLM2, and whatever else calls itself one.
    static let llama = ModelFamily(
        name: "Llama", modelType: "llama", architecture: "LlamaForCausalLM",
        scope: "Llama 3 to 3.3, SmolLM, SmolLM2 and others; attention and MLP biases", normalizesHeads: false,
        statedKeys: [], neutralValues: [:])
}
