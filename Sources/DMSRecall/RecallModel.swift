import DMSJSON

/// The shape of the model that learns the task.
enum RecallModel {
    /// `config.json`.
    ///
    /// - Parameter contextLength: The longest text that it is made for.
    static func configuration(contextLength: Int) -> JSONObject {
        JSONObject([
            "architectures": .array([.string("LlamaForCausalLM")]), "attention_bias": .bool(false),
            "bos_token_id": .integer(0), "eos_token_id": .integer(1), "head_dim": .integer(32),
            "hidden_act": .string("silu"), "hidden_size": .integer(128), "initializer_range": .number(0.07),
            "intermediate_size": .integer(384), "max_position_embeddings": .integer(Int64(contextLength)),
            "mlp_bias": .bool(false), "model_type": .string("llama"), "num_attention_heads": .integer(4),
            "num_hidden_layers": .integer(4), "num_key_value_heads": .integer(2), "rms_norm_eps": .number(1e-5),
            "rope_scaling": .null, "rope_theta": .number(500_000), "tie_word_embeddings": .bool(true),
            "torch_dtype": .string("float32"), "vocab_size": .integer(Int64(RecallTokenizer.vocabulary.count)),
        ])
    }
}
