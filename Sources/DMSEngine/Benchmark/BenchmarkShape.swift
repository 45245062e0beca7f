public import DMSCheckpoint
import DMSJSON

/// Shapes of well-known models, for benchmarks with random weights.
public enum BenchmarkShape: String, CaseIterable, Sendable {
    /// Llama-3.2-1B as published: 1.24 billion parameters.
    case llama32OneBillion = "llama-3.2-1b"
    /// Qwen3-0.6B as published: 0.60 billion parameters.
    case qwen3SixHundredMillion = "qwen3-0.6b"
    /// Small enough to try the command out in a moment.
    case tiny

    /// The configuration, as a `config.json` would state it.
    public func configuration() throws -> LlamaConfiguration {
        switch self {
        case .llama32OneBillion:
            try Self.configuration(
                layers: 16, hidden: 2048, heads: 32, keyValueHeads: 8, headDimension: 64, feedForward: 8192,
                vocabulary: 128_256)
        case .qwen3SixHundredMillion:
            try Self.configuration(
                layers: 28, hidden: 1024, heads: 16, keyValueHeads: 8, headDimension: 128, feedForward: 3072,
                vocabulary: 151_936,
                others: [
                    "model_type": .string("qwen3"), "max_position_embeddings": .integer(40_960),
                    "rms_norm_eps": .number(1e-6), "rope_theta": .number(1_000_000), "rope_scaling": .null,
                ])
        case .tiny:
            try Self.configuration(
                layers: 2, hidden: 128, heads: 4, keyValueHeads: 2, headDimension: 32, feedForward: 256,
                vocabulary: 1000)
        }
    }

    private static func configuration(
        layers: Int64, hidden: Int64, heads: Int64, keyValueHeads: Int64, headDimension: Int64, feedForward: Int64,
        vocabulary: Int64, others: KeyValuePairs<String, JSONValue> = [:]
    ) throws -> LlamaConfiguration {
        let rope = JSONObject([
            "rope_type": .string("llama3"), "factor": .number(32), "low_freq_factor": .number(1),
            "high_freq_factor": .number(4), "original_max_position_embeddings": .integer(8192),
        ])
        var object = JSONObject([
            "model_type": .string("llama"), "hidden_size": .integer(hidden), "num_hidden_layers": .integer(layers),
            "num_attention_heads": .integer(heads), "num_key_value_heads": .integer(keyValueHeads),
            "head_dim": .integer(headDimension), "intermediate_size": .integer(feedForward),
            "vocab_size": .integer(vocabulary), "max_position_embeddings": .integer(131_072),
            "rms_norm_eps": .number(1e-5), "rope_theta": .number(500_000), "rope_scaling": .object(rope),
            "hidden_act": .string("silu"), "tie_word_embeddings": .bool(true),
        ])
        for (key, value) in others { object[key] = value }
        return try LlamaConfiguration(object, file: "the shape")
    }
}
