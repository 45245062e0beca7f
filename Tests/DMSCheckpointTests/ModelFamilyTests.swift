import DMSCheckpoint
import DMSJSON
import Testing

/// What families assume and what is refused in them; what they compute is compared with Transformers elsewhere.
@Suite struct ModelFamilyTests {
    private static let qwen3 = #""model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]"#
    private static let mistral = #""model_type": "mistral", "architectures": ["MistralForCausalLM"]"#

    @Test func everyFamilyIsFoundByItsType() throws {
        #expect(ModelFamily.all.map(\.modelType) == ["llama", "mistral", "qwen3"])
        for family in ModelFamily.all {
            let configuration = try TestConfiguration.parse(
                """
                {"model_type": "\(family.modelType)", "architectures": ["\(family.architecture)"], "sliding_window": null}
                """)
            #expect(configuration.family == family)
            let again = try LlamaConfiguration(configuration.json())
            #expect(again.family == family && again.expectedTensors == configuration.expectedTensors)
            #expect(again.json() == configuration.json())
        }
    }

    @Test func qwen3HasNormsOverHeads() throws {
        let configuration = try TestConfiguration.parse("{\(Self.qwen3)}")
        let norms = configuration.expectedTensors.filter {
            $0.name.hasSuffix("q_norm.weight") || $0.name.hasSuffix("k_norm.weight")
        }
        #expect(norms.map(\.name).contains("model.layers.1.self_attn.k_norm.weight"))
        #expect(norms.count == 4 && norms.allSatisfy { $0.shape == [4] })
        // Norms are no layers, so nothing makes integers of them.
        #expect(configuration.linearLayers.allSatisfy { !$0.name.hasSuffix("norm") })
        #expect(try TestConfiguration.parse("{}").expectedTensors.count == configuration.expectedTensors.count - 4)
    }

    /// As Qwen3-0.6B is published.
    @Test func readsThePublishedQwen3() throws {
        let text = #"""
            {"architectures": ["Qwen3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
             "bos_token_id": 151643, "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu", "hidden_size": 1024,
             "initializer_range": 0.02, "intermediate_size": 3072, "max_position_embeddings": 40960,
             "max_window_layers": 28, "model_type": "qwen3", "num_attention_heads": 16, "num_hidden_layers": 28,
             "num_key_value_heads": 8, "rms_norm_eps": 1e-06, "rope_scaling": null, "rope_theta": 1000000,
             "sliding_window": null, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
             "transformers_version": "4.51.0", "use_cache": true, "use_sliding_window": false, "vocab_size": 151936}
            """#
        let configuration = try LlamaConfiguration(parsing: Array(text.utf8))
        #expect(configuration.family.name == "Qwen3" && configuration.headDimension == 128)
        #expect(configuration.rope.theta == 1_000_000 && configuration.rope.scaling == .none)
        #expect(configuration.ignoredKeys.isEmpty)
        // 0.6 billion, as it is called; counted by hand: the embedding, and per layer q and o, k and v, the MLP, norms.
        let attention = 2 * 1024 * 2048 + 2 * 1024 * 1024
        let layer = attention + 3 * 1024 * 3072 + 2 * 1024 + 2 * 128
        let count = configuration.expectedTensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
        #expect(count == 151_936 * 1024 + 28 * layer + 1024)
    }

    struct Refusal: Sendable {
        var changes: String
        var key: String
        var found: String
        var required: String
    }

    static let refusals = [
        Refusal(
            changes: "\(qwen3), \"use_sliding_window\": true", key: "use_sliding_window", found: "true",
            required: "false"),
        Refusal(
            changes: "\(qwen3), \"layer_types\": [\"full_attention\", \"sliding_attention\"]", key: "layer_types",
            found: "sliding_attention", required: "full_attention"),
        Refusal(changes: "\(qwen3), \"attention_bias\": true", key: "attention_bias", found: "true", required: "false"),
        Refusal(changes: "\(qwen3), \"mlp_bias\": true", key: "mlp_bias", found: "true", required: "false"),
        Refusal(
            changes: "\(qwen3), \"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4.0}",
            key: "rope_scaling.rope_type", found: "yarn", required: "llama3"),
        Refusal(changes: "\(qwen3), \"num_experts\": 128", key: "num_experts", found: "128", required: "experts"),
        Refusal(
            changes: "\"model_type\": \"qwen3_moe\", \"architectures\": [\"Qwen3MoeForCausalLM\"]", key: "model_type",
            found: "qwen3_moe", required: "qwen3"),
        Refusal(
            changes: "\"model_type\": \"qwen3\"", key: "architectures", found: "Llama", required: "Qwen3ForCausalLM"),
        // The test's context is 64.
        Refusal(
            changes: "\(mistral), \"sliding_window\": 63", key: "sliding_window", found: "63",
            required: "at least max_position_embeddings"),
        Refusal(changes: mistral, key: "sliding_window", found: "no value", required: "Mistral assumes one"),
        Refusal(
            changes: "\(mistral), \"sliding_window\": null, \"attention_bias\": true", key: "attention_bias",
            found: "true",
            required: "false"),
        Refusal(
            changes: "\"max_window_layers\": 3, \"sliding_window\": 9", key: "sliding_window", found: "9",
            required: "no value"),
    ]

    @Test(arguments: refusals) func refuses(_ refusal: Refusal) {
        expectError(file: "config.json", .key(refusal.key), found: refusal.found, required: refusal.required) {
            () throws(CheckpointError) in try TestConfiguration.parse("{\(refusal.changes)}")
        }
    }

    @Test func keysThatAFamilyAssumesMustBeStated() {
        for (family, key) in [
            (Self.qwen3, "head_dim"), (Self.qwen3, "num_key_value_heads"),
            (Self.mistral + #", "sliding_window": null"#, "num_key_value_heads"),
        ] {
            var object = TestConfiguration.object("{\(family)}")
            object[key] = nil
            expectError(file: "config.json", .key(key), found: "no value", required: "if only null") {
                () throws(CheckpointError) in try LlamaConfiguration(object)
            }
        }
    }

    @Test func aWindowThatHidesNothingIsTaken() throws {
        for window in ["null", "64", "4096"] {
            _ = try TestConfiguration.parse("{\(Self.mistral), \"sliding_window\": \(window)}")
        }
        // Qwen3 reads the number only together with use_sliding_window.
        let configuration = try TestConfiguration.parse(
            "{\(Self.qwen3), \"sliding_window\": 9, \"max_window_layers\": 1, \"use_sliding_window\": false}")
        #expect(configuration.ignoredKeys.isEmpty)
    }
}
