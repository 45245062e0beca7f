import DMSCheckpoint
import DMSJSON
import Testing

/// A configuration that lies, or asks for what is not implemented, is refused by name and never computed wrongly.
@Suite struct HostileConfigurationTests {
    struct Lie: CustomTestStringConvertible, Sendable {
        let changes: String
        let key: String
        let found: String
        let required: String

        init(_ changes: String, _ key: String, _ found: String, _ required: String = "") {
            self.changes = changes
            self.key = key
            self.found = found
            self.required = required
        }

        var testDescription: String { changes }
    }

    static let values = [
        Lie(#"{"model_type": "gemma"}"#, "model_type", "gemma", "\"llama\", \"mistral\" or \"qwen3\""),
        Lie(#"{"model_type": "mistral"}"#, "architectures", "Llama", "MistralForCausalLM"),
        Lie(#"{"model_type": 1}"#, "model_type", "1", "a string"),
        Lie(#"{"architectures": ["MistralForCausalLM"]}"#, "architectures", "Mistral", "LlamaForCausalLM"),
        Lie(#"{"architectures": []}"#, "architectures", "[]", "LlamaForCausalLM"),
        Lie(#"{"hidden_act": "gelu"}"#, "hidden_act", "gelu", "silu"),
        Lie(#"{"hidden_size": 0}"#, "hidden_size", "0", "from 1"),
        Lie(#"{"hidden_size": -12}"#, "hidden_size", "-12", "from 1"),
        Lie(#"{"hidden_size": 12.0}"#, "hidden_size", "12.0", "an integer"),
        Lie(#"{"hidden_size": "12"}"#, "hidden_size", "\"12\"", "an integer"),
        Lie(#"{"hidden_size": 9223372036854775807}"#, "hidden_size", "9223372036854775807", "an integer"),
        Lie(#"{"hidden_size": 1e400}"#, "hidden_size", "inf", "an integer"),
        Lie(#"{"intermediate_size": 0}"#, "intermediate_size", "0", "from 1"),
        Lie(#"{"num_hidden_layers": 0}"#, "num_hidden_layers", "0", "from 1 to 1024"),
        Lie(#"{"num_hidden_layers": 1025}"#, "num_hidden_layers", "1025", "from 1 to 1024"),
        Lie(#"{"num_attention_heads": 0}"#, "num_attention_heads", "0", "from 1"),
        Lie(#"{"num_key_value_heads": 0}"#, "num_key_value_heads", "0", "from 1"),
        Lie(#"{"num_key_value_heads": 4}"#, "num_key_value_heads", "4", "divisor of num_attention_heads, which is 6"),
        Lie(#"{"num_key_value_heads": 12}"#, "num_key_value_heads", "12", "divisor"),
        Lie(#"{"head_dim": 5}"#, "head_dim", "5", "even"),
        Lie(#"{"head_dim": 0}"#, "head_dim", "0", "from 2"),
        Lie(#"{"head_dim": null, "hidden_size": 13}"#, "head_dim", "no value, with hidden_size 13", "multiple"),
        Lie(#"{"head_dim": null, "hidden_size": 18}"#, "head_dim", "no value", "even multiple"),
        Lie(#"{"head_dim": null, "hidden_size": 3}"#, "head_dim", "no value", "even multiple"),
        Lie(#"{"vocab_size": 0}"#, "vocab_size", "0", "from 1"),
        Lie(#"{"vocab_size": 16777217}"#, "vocab_size", "16777217", "to 16777216"),
        Lie(#"{"max_position_embeddings": 0}"#, "max_position_embeddings", "0", "from 1"),
        Lie(#"{"rms_norm_eps": NaN}"#, "rms_norm_eps", "nan", "finite"),
        Lie(#"{"rms_norm_eps": Infinity}"#, "rms_norm_eps", "inf", "finite"),
        Lie(#"{"rms_norm_eps": 0}"#, "rms_norm_eps", "0", "0 < rms_norm_eps"),
        Lie(#"{"rms_norm_eps": -1e-5}"#, "rms_norm_eps", "-1e-05", "0 < rms_norm_eps"),
        Lie(#"{"rms_norm_eps": 1e-60}"#, "rms_norm_eps", "1e-60", "32-bit"),
        Lie(#"{"tie_word_embeddings": 1}"#, "tie_word_embeddings", "1", "true or false"),
        Lie(#"{"attention_bias": "yes"}"#, "attention_bias", "yes", "true or false"),
        Lie(#"{"bos_token_id": 10}"#, "bos_token_id", "10", "from 0 to 9"),
        Lie(#"{"bos_token_id": -1}"#, "bos_token_id", "-1", "from 0 to 9"),
        Lie(#"{"eos_token_id": [1, 10]}"#, "eos_token_id", "[1,10]", "from 0 to 9"),
        Lie(#"{"eos_token_id": {"a": 1}}"#, "eos_token_id", "{", "a list of integers"),
        Lie(#"{"eos_token_id": 2.5}"#, "eos_token_id", "2.5", "an integer"),
        Lie(#"{"torch_dtype": "float16", "dtype": "bfloat16"}"#, "dtype", "bfloat16", "same value"),
    ]

    static let rope = [
        Lie(#"{"rope_theta": 0}"#, "rope_theta", "0", "at least 1"),
        Lie(#"{"rope_theta": NaN}"#, "rope_theta", "nan", "finite"),
        Lie(#"{"rope_theta": 1e300}"#, "rope_theta", "1e+300", "finite"),
        Lie(#"{"rope_theta": "10000"}"#, "rope_theta", "\"10000\"", "number"),
        Lie(#"{"rope_scaling": []}"#, "rope_scaling", "[]", "an object"),
        Lie(#"{"rope_scaling": {}}"#, "rope_scaling.rope_type", "no value", "default"),
        Lie(#"{"rope_scaling": {"factor": 2}}"#, "rope_scaling.rope_type", "no value", "linear"),
        Lie(
            #"{"rope_scaling": {"rope_type": "yarn", "factor": 2}}"#, "rope_scaling.rope_type", "yarn", "not supported"),
        Lie(#"{"rope_scaling": {"type": "dynamic", "factor": 2}}"#, "rope_scaling.rope_type", "dynamic", "llama3"),
        Lie(#"{"rope_parameters": {"rope_type": "longrope"}}"#, "rope_parameters.rope_type", "longrope", "llama3"),
        Lie(
            #"{"rope_scaling": {"type": "linear", "rope_type": "llama3", "factor": 2}}"#, "rope_scaling.type", "linear",
            "same value"),
        Lie(#"{"rope_scaling": {"type": "linear"}}"#, "rope_scaling.factor", "no value", "a number"),
        Lie(#"{"rope_scaling": {"type": "linear", "factor": 0.5}}"#, "rope_scaling.factor", "0.5", "from 1"),
        Lie(#"{"rope_scaling": {"type": "linear", "factor": Infinity}}"#, "rope_scaling.factor", "inf", "from 1"),
        Lie(
            #"{"rope_scaling": {"type": "linear", "factor": 2, "beta_fast": 32}}"#, "rope_scaling.beta_fast", "32",
            "no such key"),
        Lie(#"{"rope_scaling": {"rope_type": "default", "factor": 8}}"#, "rope_scaling.factor", "8", "no such key"),
        Lie(
            #"{"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4}}"#,
            "rope_scaling.original_max_position_embeddings", "no value", "an integer"),
        Lie(
            #"{"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4, "original_max_position_embeddings": 8}}"#,
            "rope_scaling.high_freq_factor", "4", "more than low_freq_factor"),
        Lie(
            #"{"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 0, "high_freq_factor": 4, "original_max_position_embeddings": 8}}"#,
            "rope_scaling.low_freq_factor", "0", "above 0"),
        Lie(
            #"{"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}}"#,
            "rope_parameters.partial_rotary_factor", "0.5", "1"),
        Lie(
            #"{"rope_parameters": {"full_attention": {"rope_type": "default"}}}"#, "rope_parameters.rope_type",
            "no value"),
        Lie(
            #"{"rope_theta": 10000.0, "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}}"#,
            "rope_parameters.rope_theta", "500000.0, and 10000.0 elsewhere", "one value"),
        Lie(
            #"{"rope_scaling": {"type": "linear", "factor": 2}, "rope_parameters": {"rope_type": "default"}}"#,
            "rope_parameters", "differs", "same scaling"),
        Lie(
            #"{"rope_scaling": {"type": "linear", "factor": 2}, "rope_parameters": {"rope_type": "linear", "factor": 4}}"#,
            "rope_parameters", "differs", "same scaling"),
        Lie(
            #"{"original_max_position_embeddings": 9, "rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 8}}"#,
            "original_max_position_embeddings", "9, and 8", "one value"),
    ]

    static let unsupported = [
        Lie(
            #"{"quantization_config": {"quant_method": "gptq"}}"#, "quantization_config.quant_method", "gptq",
            "compressed-tensors"),
        Lie(#"{"quantization": {"bits": 4}}"#, "quantization", "bits", "not supported"),
        Lie(#"{"sliding_window": 4096}"#, "sliding_window", "4096", "not supported"),
        Lie(#"{"use_sliding_window": true}"#, "use_sliding_window", "true", "false"),
        Lie(#"{"pretraining_tp": 2}"#, "pretraining_tp", "2", "1"),
        Lie(#"{"partial_rotary_factor": 0.5}"#, "partial_rotary_factor", "0.5", "1"),
        Lie(#"{"attention_multiplier": 0.1}"#, "attention_multiplier", "0.1", "not supported"),
        Lie(#"{"residual_multiplier": 0.22}"#, "residual_multiplier", "0.22", "1"),
        Lie(#"{"embedding_multiplier": 12}"#, "embedding_multiplier", "12", "1"),
        Lie(#"{"logits_scaling": 8}"#, "logits_scaling", "8", "1"),
        Lie(#"{"final_logit_softcapping": 30.0}"#, "final_logit_softcapping", "30", "not supported"),
        Lie(#"{"num_local_experts": 8}"#, "num_local_experts", "8", "experts"),
        Lie(#"{"layer_types": ["full_attention", "sliding_attention"]}"#, "layer_types", "sliding", "full_attention"),
        Lie(#"{"pruned_heads": {"0": [1]}}"#, "pruned_heads", "0", "nothing in it"),
        Lie(#"{"use_qk_norm": true}"#, "use_qk_norm", "true", "false"),
    ]

    @Test(arguments: values + rope + unsupported) func refuses(_ lie: Lie) {
        expectError(file: "config.json", .key(lie.key), found: lie.found, required: lie.required) {
            () throws(CheckpointError) in try TestConfiguration.parse(lie.changes)
        }
    }

    @Test(arguments: [
        "model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size",
        "rms_norm_eps", "max_position_embeddings",
    ])
    func requires(_ key: String) {
        expectError(file: "config.json", .key(key), found: "no value") {
            () throws(CheckpointError) in try TestConfiguration.parse(without: key)
        }
    }

    @Test(arguments: [
        #"{"quantization_config": null, "sliding_window": null, "rope_scaling": null, "rope_parameters": null}"#,
        #"{"pretraining_tp": 1, "partial_rotary_factor": 1.0, "attention_dropout": 0.5, "residual_multiplier": 1.0}"#,
        #"{"layer_types": ["full_attention", "full_attention"], "pruned_heads": {}, "num_experts": 0}"#,
        #"{"rope_scaling": {"rope_type": "default", "type": "default"}, "rope_theta": 10000}"#,
        #"{"rope_theta": 10000.0, "rope_parameters": {"rope_theta": 10000}}"#,
        #"{"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 1.0, "factor": null}}"#,
        #"{"torch_dtype": "float16", "dtype": "float16", "original_max_position_embeddings": 7}"#,
    ])
    func acceptsNeutralValues(_ changes: String) throws {
        let configuration = try TestConfiguration.parse(changes)
        #expect(configuration.ignoredKeys.isEmpty)
        #expect(configuration.rope.scaling == .none)
        #expect(configuration.rope.theta == 10_000)
    }

    @Test(arguments: ["", "[]", "{", "null", "{\"a\":1,\"a\":2}", String(repeating: "[", count: 10_000)])
    func refusesWhatIsNotAnObject(_ text: String) {
        expectError(file: "/x/config.json", nil, found: "", required: "one JSON object") {
            () throws(CheckpointError) in try LlamaConfiguration(parsing: Array(text.utf8), file: "/x/config.json")
        }
    }
}
