import DMSCheckpoint
import DMSJSON
import Foundation
import Testing

/// `quantization_config`: what is read, what is refused, and which tensors follow from it.
@Suite struct WeightQuantizationTests {
    /// What compressed-tensors writes for four bits, with a head of eight.
    private static let published = """
        {"quantization_config": {
          "config_groups": {
            "group_0": {"format": "pack-quantized", "input_activations": null, "output_activations": null,
              "targets": ["Linear"],
              "weights": {"actorder": null, "block_structure": null, "dynamic": false, "group_size": 64, "num_bits": 4,
                "observer": "memoryless_minmax", "observer_kwargs": {}, "scale_dtype": null, "strategy": "group",
                "symmetric": true, "type": "int", "zp_dtype": null}},
            "group_1": {"targets": ["lm_head"],
              "weights": {"num_bits": 8, "type": "int", "strategy": "group", "group_size": 32}}},
          "format": "pack-quantized", "global_compression_ratio": null, "ignore": ["model.layers.1.mlp.up_proj"],
          "kv_cache_scheme": null, "quant_method": "compressed-tensors", "quantization_status": "compressed",
          "sparsity_config": {}, "transform_config": {}, "version": "0.12.2"},
         "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 8, "head_dim": 8}
        """

    private func quantization(_ text: String) throws -> WeightQuantization {
        try #require(try TestConfiguration.parse(text).quantization)
    }

    @Test func readsWhatOthersWrite() throws {
        let read = try quantization(Self.published)
        #expect(read.scheme(of: "model.layers.0.mlp.up_proj") == WeightQuantization.Scheme(bits: 4, groupSize: 64))
        #expect(read.scheme(of: "lm_head") == WeightQuantization.Scheme(bits: 8, groupSize: 32))
        #expect(read.scheme(of: "model.layers.1.mlp.up_proj") == nil)
        #expect(read.scheme(of: "model.embed_tokens") == nil)
        #expect(try TestConfiguration.parse("{}").quantization == nil)
    }

    @Test func readsBackWhatItWrites() throws {
        let configuration = try TestConfiguration.parse(Self.published)
        let again = try LlamaConfiguration(configuration.json())
        #expect(again.quantization == configuration.quantization && again.quantization != nil)
        #expect(again.ignoredKeys.isEmpty)
    }

    @Test func tensorsFollow() throws {
        let configuration = try TestConfiguration.parse(Self.published)
        let stored = Dictionary(uniqueKeysWithValues: configuration.storedTensors.map { ($0.name, $0) })
        let layer = "model.layers.0.mlp.down_proj"
        #expect(stored[layer + ".weight"] == nil)
        #expect(stored[layer + ".weight_packed"]?.shape == [64, 128 * 4 / 32])
        #expect(stored[layer + ".weight_packed"]?.type == .signed32)
        #expect(stored[layer + ".weight_scale"]?.shape == [64, 2])
        #expect(stored[layer + ".weight_scale"]?.type == .bfloat16)
        #expect(stored[layer + ".weight_shape"]?.shape == [2])
        #expect(stored[layer + ".weight_shape"]?.type == .signed64)
        #expect(stored["lm_head.weight_packed"]?.shape == [10, 64 * 8 / 32])
        #expect(stored["model.layers.1.mlp.up_proj.weight"]?.type == TensorDataType?.none)
        #expect(stored["model.embed_tokens.weight"]?.shape == [10, 64])
        #expect(configuration.expectedTensors.contains { $0.name == layer + ".weight" })
        // One of fifteen linear layers is left alone.
        #expect(configuration.linearLayers.count == 15)
        #expect(configuration.storedTensors.count == configuration.expectedTensors.count + 2 * 14)
    }

    struct Lie: Sendable {
        let old: String
        let new: String
        let key: String
        let found: String
        let required: String

        init(_ old: String, _ new: String, _ key: String, _ found: String, _ required: String) {
            (self.old, self.new, self.key, self.found, self.required) = (old, new, key, found, required)
        }
    }

    private static let weights = "config_groups.group_0.weights."
    static let lies = [
        Lie("\"compressed-tensors\"", "\"awq\"", "quant_method", "awq", "compressed-tensors"),
        Lie(
            "\"format\": \"pack-quantized\", \"global", "\"format\": \"dense\", \"global", "format", "dense",
            "pack-quantized"),
        Lie(
            "\"quantization_status\": \"compressed\"", "\"quantization_status\": \"frozen\"", "quantization_status",
            "frozen", "compressed"),
        Lie(
            "\"kv_cache_scheme\": null", "\"kv_cache_scheme\": {\"num_bits\": 8}", "kv_cache_scheme", "num_bits",
            "not supported"),
        Lie(
            "\"sparsity_config\": {}", "\"sparsity_config\": {\"format\": \"sparse\"}", "sparsity_config", "sparse",
            "not supported"),
        Lie("\"version\": \"0.12.2\"", "\"surprise\": 1", "surprise", "1", "no such key"),
        Lie(
            "\"group_size\": 64, \"num_bits\": 4", "\"group_size\": 64, \"num_bits\": 3", weights + "num_bits", "3",
            "4 or 8"),
        Lie("\"group_size\": 64", "\"group_size\": 16", weights + "group_size", "16", "32 or 64 or 128"),
        Lie("\"symmetric\": true", "\"symmetric\": false", weights + "symmetric", "false", "true"),
        Lie("\"dynamic\": false", "\"dynamic\": true", weights + "dynamic", "true", "false"),
        Lie(
            "\"strategy\": \"group\",\n        \"symmetric\"", "\"strategy\": \"channel\", \"symmetric\"",
            weights + "strategy", "channel", "group"),
        Lie("\"actorder\": null", "\"actorder\": \"group\"", weights + "actorder", "group", "not supported"),
        Lie("\"type\": \"int\", \"zp", "\"type\": \"float\", \"zp", weights + "type", "float", "int"),
        Lie("[\"Linear\"]", "[\"re:.*proj\"]", "config_groups.group_0.targets", "re:", "patterns are not supported"),
        Lie("[\"Linear\"]", "[\"lm_head\"]", "config_groups.group_1.targets", "in two groups", "one group"),
        Lie(
            "\"input_activations\": null", "\"input_activations\": {\"num_bits\": 8}",
            "config_groups.group_0.input_activations", "num_bits", "not supported"),
    ]

    @Test(arguments: lies) func refuses(_ lie: Lie) {
        let text = Self.published.replacingOccurrences(of: lie.old, with: lie.new)
        #expect(text != Self.published, "\(lie.key)")
        expectError(
            file: "config.json", .key("quantization_config." + lie.key), found: lie.found, required: lie.required
        ) { () throws(CheckpointError) in _ = try TestConfiguration.parse(text) }
    }

    @Test func groupsMustDivideInputs() {
        let text = Self.published.replacingOccurrences(of: "\"hidden_size\": 64", with: "\"hidden_size\": 96")
        expectError(
            file: "config.json", .key("quantization_config"), found: "groups of 64 for model.layers.0.self_attn.q_proj",
            required: "96 inputs"
        ) { () throws(CheckpointError) in _ = try TestConfiguration.parse(text) }
    }
}
