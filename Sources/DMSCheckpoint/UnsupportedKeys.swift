import DMSJSON

/// Keys of a `config.json` that change what a model computes, in ways that are not implemented.
///
/// Each may be absent, `null` or at its neutral value; anything else is refused by name.
enum UnsupportedKeys {
    /// The value at which a key changes nothing.
    private enum Neutral {
        case absent
        case no
        case one
        case zero
        case zeroOrOne
        case empty
        case fullAttention

        var words: String {
            switch self {
            case .absent: "no value, as it is not supported"
            case .no: "false, as it is not supported"
            case .one: "1, as nothing else is supported"
            case .zero: "0, as nothing else is supported"
            case .zeroOrOne: "0 or 1, as mixtures of experts are not supported"
            case .empty: "nothing in it, as it is not supported"
            case .fullAttention: "\"full_attention\" for every layer"
            }
        }

        func accepts(_ value: JSONValue) -> Bool {
            switch self {
            case .absent: false
            case .no: value == .bool(false)
            case .one: value.doubleValue == 1
            case .zero: value.doubleValue == 0
            case .zeroOrOne: value.doubleValue == 0 || value.doubleValue == 1
            case .empty: value.objectValue?.isEmpty ?? value.arrayValue?.isEmpty ?? false
            case .fullAttention: value.arrayValue?.allSatisfy { $0 == .string("full_attention") } ?? false
            }
        }
    }

    private static let neutralValues: [String: Neutral] = [
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

    static func contains(_ key: String) -> Bool { neutralValues[key] != nil }

    static func refuse(in reader: ConfigurationReader) throws(CheckpointError) {
        for key in reader.object.keys {
            guard let neutral = neutralValues[key], let value = reader.value(key), !neutral.accepts(value) else {
                continue
            }
            throw reader.fail(key, found: CheckpointError.shown(value), required: neutral.words)
        }
    }
}
