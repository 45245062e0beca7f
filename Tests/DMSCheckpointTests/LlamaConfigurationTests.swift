import DMSCheckpoint
import DMSJSON
import Testing

@Suite struct LlamaConfigurationTests {
    /// As Llama-3.2-1B is published.
    private static let classic = #"""
        {"architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
         "bos_token_id": 128000, "eos_token_id": 128001, "head_dim": 64, "hidden_act": "silu", "hidden_size": 2048,
         "initializer_range": 0.02, "intermediate_size": 8192, "max_position_embeddings": 131072, "mlp_bias": false,
         "model_type": "llama", "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8,
         "pretraining_tp": 1, "rms_norm_eps": 1e-05,
         "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
           "original_max_position_embeddings": 8192, "rope_type": "llama3"},
         "rope_theta": 500000.0, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
         "transformers_version": "4.45.0.dev0", "use_cache": true, "vocab_size": 128256}
        """#

    /// The same in the newer spelling.
    private static let new = #"""
        {"architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
         "bos_token_id": 128000, "dtype": "bfloat16", "eos_token_id": 128001, "head_dim": 64, "hidden_act": "silu",
         "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 8192, "max_position_embeddings": 131072,
         "mlp_bias": false, "model_type": "llama", "num_attention_heads": 32, "num_hidden_layers": 16,
         "num_key_value_heads": 8, "pad_token_id": null, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
         "rope_parameters": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
           "original_max_position_embeddings": 8192, "rope_theta": 500000.0, "rope_type": "llama3"},
         "tie_word_embeddings": true, "transformers_version": "5.23.0", "use_cache": true, "vocab_size": 128256}
        """#

    @Test(arguments: [classic, new]) func readsBothSpellings(_ text: String) throws {
        let configuration = try LlamaConfiguration(parsing: Array(text.utf8))
        #expect(configuration.hiddenSize == 2048)
        #expect(configuration.intermediateSize == 8192)
        #expect(configuration.layerCount == 16)
        #expect(configuration.headCount == 32)
        #expect(configuration.keyValueHeadCount == 8)
        #expect(configuration.groupSize == 4)
        #expect(configuration.headDimension == 64)
        #expect(configuration.vocabularySize == 128256)
        #expect(configuration.normEpsilon == 1e-5)
        #expect(configuration.maximumPositions == 131072)
        #expect(configuration.tiesEmbeddings)
        #expect(!configuration.hasAttentionBias)
        #expect(!configuration.hasFeedForwardBias)
        #expect(configuration.beginOfTextID == 128000)
        #expect(configuration.endOfTextIDs == [128001])
        #expect(configuration.statedDataType == "bfloat16")
        #expect(configuration.rope.theta == 500_000)
        #expect(
            configuration.rope.scaling
                == .llama3(factor: 32, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalMaximumPositions: 8192))
        #expect(configuration.ignoredKeys.isEmpty)
        #expect(configuration.raw["vocab_size"] == .integer(128256))
    }

    @Test func fillsInWhatOldFilesLack() throws {
        let configuration = try LlamaConfiguration(
            JSONObject([
                "model_type": .string("llama"), "hidden_size": .integer(24), "intermediate_size": .integer(5),
                "num_hidden_layers": .integer(1), "num_attention_heads": .integer(3), "vocab_size": .integer(7),
                "rms_norm_eps": .number(1e-6), "max_position_embeddings": .integer(9), "rope_scaling": .null,
            ]))
        #expect(configuration.keyValueHeadCount == 3)
        #expect(configuration.headDimension == 8)
        #expect(!configuration.tiesEmbeddings)
        #expect(configuration.rope.theta == 10_000)
        #expect(configuration.rope.scaling == .none)
        #expect(configuration.beginOfTextID == nil)
        #expect(configuration.endOfTextIDs == [])
        #expect(configuration.statedDataType == nil)
    }

    @Test func takesHeadDimensionThatIsNotAQuotient() throws {
        #expect(try TestConfiguration.parse(#"{"head_dim": 10}"#).headDimension == 10)
        // 13 / 6 is no integer, which is fine as long as head_dim says what is meant.
        #expect(try TestConfiguration.parse(#"{"hidden_size": 13}"#).headDimension == 4)
    }

    @Test func readsBiasesAndListsOfEnds() throws {
        let configuration = try TestConfiguration.parse(
            #"{"attention_bias": true, "mlp_bias": true, "eos_token_id": [3, 9, 3], "bos_token_id": 0}"#)
        #expect(configuration.hasAttentionBias)
        #expect(configuration.hasFeedForwardBias)
        #expect(configuration.endOfTextIDs == [3, 9])
        #expect(configuration.beginOfTextID == 0)
    }

    @Test func listsKeysItDoesNotKnow() throws {
        let configuration = try TestConfiguration.parse(
            #"{"zebra": 1, "dms_window_size": 64, "use_cache": true, "apple": null}"#)
        #expect(configuration.ignoredKeys == ["zebra", "apple"])
        #expect(configuration.raw["dms_window_size"] == .integer(64))
    }

    @Test(arguments: [
        "{}",
        #"{"eos_token_id": 3, "bos_token_id": 1, "tie_word_embeddings": true, "torch_dtype": "float16"}"#,
        #"{"eos_token_id": [3, 4], "attention_bias": true, "mlp_bias": true, "rms_norm_eps": 3.3e-7}"#,
        #"{"rope_theta": 12345.678, "rope_scaling": {"type": "linear", "factor": 2.5}}"#,
        #"{"rope_parameters": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4.5, "original_max_position_embeddings": 16, "rope_theta": 5e5}}"#,
    ])
    func writesWhatItReads(_ changes: String) throws {
        let configuration = try TestConfiguration.parse(changes)
        let json = configuration.json()
        let again = try LlamaConfiguration(parsing: Array(JSONValue.object(json).text(indent: 2).utf8))
        #expect(again.json() == json)
        #expect(again.rope == configuration.rope)
        #expect(again.normEpsilon == configuration.normEpsilon)
        #expect(again.headDimension == configuration.headDimension)
        #expect(again.endOfTextIDs == configuration.endOfTextIDs)
        #expect(again.hasAttentionBias == configuration.hasAttentionBias)
        #expect(again.hasFeedForwardBias == configuration.hasFeedForwardBias)
        #expect(again.tiesEmbeddings == configuration.tiesEmbeddings)
        #expect(again.statedDataType == configuration.statedDataType)
        #expect(again.ignoredKeys.isEmpty)
        #expect(again.expectedTensors == configuration.expectedTensors)
    }

    @Test func writesReadableNumbers() throws {
        let text = JSONValue.object(try TestConfiguration.parse("{}").json()).text()
        #expect(text.contains(#""rms_norm_eps":1e-05"#))
        #expect(text.contains(#""rope_theta":10000.0"#))
    }
}
