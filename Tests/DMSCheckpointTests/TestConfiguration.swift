// swift-format-ignore-file: NeverUseForceTry

import DMSCheckpoint
import DMSJSON

/// A small configuration that works, to be changed key by key.
enum TestConfiguration {
    static var object: JSONObject {
        JSONObject([
            "architectures": .array([.string("LlamaForCausalLM")]),
            "model_type": .string("llama"),
            "hidden_size": .integer(12),
            "intermediate_size": .integer(20),
            "num_hidden_layers": .integer(2),
            "num_attention_heads": .integer(6),
            "num_key_value_heads": .integer(2),
            "head_dim": .integer(4),
            "vocab_size": .integer(10),
            "rms_norm_eps": .number(1e-5),
            "max_position_embeddings": .integer(64),
        ])
    }

    /// With some keys changed; the changes are the text of a JSON object.
    static func object(_ changes: String) -> JSONObject {
        var object = object
        guard case .object(let changes)? = try? JSONReader.parse(changes) else { preconditionFailure("not an object") }
        for (key, value) in changes.entries { object[key] = value }
        return object
    }

    static func parse(_ changes: String) throws(CheckpointError) -> LlamaConfiguration {
        try LlamaConfiguration(object(changes))
    }

    static func parse(without key: String) throws(CheckpointError) -> LlamaConfiguration {
        var object = object
        object[key] = nil
        return try LlamaConfiguration(object)
    }
}
