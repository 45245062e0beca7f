/// The keys of a `config.json` that are read, refused when not neutral, or known not to change what a model computes
/// at inference.
enum KnownKeys {
    static func contains(_ key: String, family: ModelFamily) -> Bool {
        read.contains(key) || harmless.contains(key) || UnsupportedKeys.contains(key, family: family)
            || key.hasPrefix("dms_")
    }

    private static let read: Set<String> = [
        "architectures", "attention_bias", "bos_token_id", "dtype", "eos_token_id", "head_dim", "hidden_act",
        "hidden_size", "intermediate_size", "max_position_embeddings", "mlp_bias", "model_type",
        "num_attention_heads", "num_hidden_layers", "num_key_value_heads", "original_max_position_embeddings",
        "quantization_config", "rms_norm_eps", "rope_parameters", "rope_scaling", "rope_theta",
        "tie_word_embeddings", "torch_dtype", "vocab_size",
    ]

    /// Training settings, what a library returns, and records of who wrote the file.
    private static let harmless: Set<String> = [
        "_attn_implementation", "_attn_implementation_autoset", "_flash_attn_2_enabled", "_name_or_path",
        "attention_dropout", "attn_implementation", "attn_pdrop", "decoder_start_token_id", "embd_pdrop",
        "finetuning_task", "gradient_checkpointing", "hidden_dropout", "hidden_dropout_prob", "id2label",
        "initializer_range", "is_decoder", "is_llama_config", "label2id", "model_max_length", "output_attentions",
        "output_hidden_states", "pad_token_id", "prefix", "problem_type", "resid_pdrop", "return_dict",
        "return_dict_in_generate", "sep_token_id", "task_specific_params", "tf_legacy_loss",
        "tie_encoder_decoder", "tokenizer_class", "torchscript", "transformers.js_config", "transformers_version",
        "unsloth_fixed",
        "unsloth_version", "use_bfloat16", "use_cache",
    ]
}
