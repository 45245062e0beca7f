import DMSJSON

/// Keys of a `config.json` that change what a model computes, in ways that are not implemented.
///
/// Each may be absent, `null` or at its neutral value; anything else is refused by name. A family may judge a key
/// differently; see ``ModelFamily/neutralValues``.
enum UnsupportedKeys {
    private static let neutralValues: [String: NeutralValue] = [
        "add_cross_attention": .no,
        "alibi": .no,
        "attention_chunk_size": .absent,
        "attention_multiplier": .absent,
        "attn_logit_softcapping": .absent,
        "attn_temperature_tuning": .no,
        "chunk_size_feed_forward": .zero,
        "clip_qkv": .absent,
        "compression_config": .absent,
        "cross_attention_hidden_size": .absent,
        "embedding_multiplier": .one,
        "final_logit_softcapping": .absent,
        "is_encoder_decoder": .no,
        "layer_types": .fullAttention,
        "logit_scale": .one,
        "logits_scaling": .one,
        "n_routed_experts": .zeroOrOne,
        "no_rope_layer_interval": .absent,
        "no_rope_layers": .empty,
        "num_experts": .zeroOrOne,
        "num_local_experts": .zeroOrOne,
        "parallel_attention": .no,
        "partial_rotary_factor": .one,
        "pretraining_tp": .one,
        "pruned_heads": .empty,
        "qk_layernorm": .no,
        "quantization": .absent,
        "query_pre_attn_scalar": .absent,
        "residual_multiplier": .one,
        "rope_interleaved": .no,
        "rope_local_base_freq": .absent,
        "rope_percent": .one,
        "rotary_pct": .one,
        "sliding_window": .absent,
        "use_qk_norm": .no,
        "use_sliding_window": .no,
    ]

    private static func neutral(_ key: String, in family: ModelFamily) -> NeutralValue? {
        family.neutralValues[key] ?? neutralValues[key]
    }

    static func contains(_ key: String, family: ModelFamily) -> Bool { neutral(key, in: family) != nil }

    static func refuse(in reader: ConfigurationReader, family: ModelFamily) throws(CheckpointError) {
        for key in reader.object.keys {
            guard let neutral = neutral(key, in: family), let value = reader.value(key),
                !neutral.accepts(value, in: reader.object)
            else { continue }
            throw reader.fail(key, found: CheckpointError.shown(value), required: neutral.words)
        }
    }
}
