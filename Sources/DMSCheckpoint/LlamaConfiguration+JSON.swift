public import DMSJSON

extension LlamaConfiguration {
    /// The configuration as a `config.json` with the classic keys, which every reader understands.
    ///
    /// Reading it back gives an equal configuration, except for ``raw`` and ``ignoredKeys``: keys that this type does
    /// not know are not written.
    public func json() -> JSONObject {
        var object: JSONObject = JSONObject([
            "architectures": .array([.string(family.architecture)]),
            "attention_bias": .bool(hasAttentionBias),
            "bos_token_id": beginOfTextID.map { .integer(Int64($0)) } ?? .null,
            "eos_token_id": Self.json(ids: endOfTextIDs),
            "head_dim": .integer(Int64(headDimension)),
            "hidden_act": .string("silu"),
            "hidden_size": .integer(Int64(hiddenSize)),
            "intermediate_size": .integer(Int64(intermediateSize)),
            "max_position_embeddings": .integer(Int64(maximumPositions)),
            "mlp_bias": .bool(hasFeedForwardBias),
            "model_type": .string(family.modelType),
            "num_attention_heads": .integer(Int64(headCount)),
            "num_hidden_layers": .integer(Int64(layerCount)),
            "num_key_value_heads": .integer(Int64(keyValueHeadCount)),
            "rms_norm_eps": Self.json(shortest: normEpsilon),
            "rope_scaling": rope.scaling.json(),
            "rope_theta": .number(rope.theta),
            "tie_word_embeddings": .bool(tiesEmbeddings),
        ])
        if let quantization { object["quantization_config"] = .object(quantization.json) }
        if let statedDataType { object["torch_dtype"] = .string(statedDataType) }
        object["vocab_size"] = .integer(Int64(vocabularySize))
        for key in family.statedKeys where object[key] == nil { object[key] = .null }
        return object
    }

    private static func json(ids: [Int32]) -> JSONValue {
        switch ids.count {
        case 0: .null
        case 1: .integer(Int64(ids[0]))
        default: .array(ids.map { .integer(Int64($0)) })
        }
    }

    /// `1e-05` for the float nearest to it, not its seventeen digits; it reads back as the same float.
    private static func json(shortest value: Float) -> JSONValue { .number(Double("\(value)") ?? Double(value)) }
}
