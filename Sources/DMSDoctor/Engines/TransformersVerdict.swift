import DMSCheckpoint
import DMSJSON
import DMSPolicy

/// What plain Transformers makes of a folder, as version 5.24 was seen to do it (`Scripts/compare-verdicts.py`).
enum TransformersVerdict {
    static func of(_ seen: Examination) -> EngineVerdict {
        if let reason = configurationRefusal(seen) ?? weightsRefusal(seen) { return refuses(reason) }
        guard let configuration = seen.configuration.configuration, seen.configuration.givesShapes else {
            return EngineVerdict(
                .transformers, .unknown, "config.json says something that dms does not understand; Transformers may")
        }
        var notes = tokenizerNotes(seen)
        notes += seen.configuration.errors.map { "of config.json it takes, or ignores, what dms refuses: \($0)" }
        if configuration.quantization != nil {
            return EngineVerdict(
                .transformers, .refuses,
                "refuses: needs the library compressed-tensors for integers; with it, loads and keeps every token",
                notes: notes)
        }
        if !seen.tensors.unexpected.isEmpty {
            notes.append("ignores \(seen.tensors.unexpected.count) tensors, \(seen.tensors.unexpected[0]) the first")
        }
        if !seen.values.broken.isEmpty { notes.append("what it computes is not finite, as the weights are not") }
        if seen.tensors.errors.contains(where: { $0.found.hasPrefix("a tensor that differs from") }) {
            return EngineVerdict(
                .transformers, .unknown, "loads one of two heads although config.json ties them", notes: notes)
        }
        let type = className(configuration)
        let missing = seen.weights.errors.allSatisfy(isHarmless) ? seen.tensors.missing : []
        if !missing.isEmpty, missing.allSatisfy({ $0.hasSuffix(".bias") }) {
            notes.append("zeros in the \(missing.count) biases that are missing, \(missing[0]) the first")
        } else if !missing.isEmpty {
            return EngineVerdict(
                .transformers, .differs,
                "loads as \(type) with numbers of a new model in the \(missing.count) tensors that are missing, "
                    + "\(missing[0]) the first", notes: notes)
        }
        return outcome(seen, type, notes)
    }

    private static func outcome(_ seen: Examination, _ type: String, _ notes: [String]) -> EngineVerdict {
        guard let metadata = seen.metadata.metadata else {
            let summary =
                seen.metadata.errors.isEmpty && seen.configuration.errors.isEmpty
                ? "loads as \(type), the function that dms computes" : "loads as \(type) and keeps every token"
            return EngineVerdict(
                .transformers, seen.metadata.errors.isEmpty ? .loads : .differs, summary, notes: notes)
        }
        if metadata.configuration.source == .adapter {
            return EngineVerdict(
                .transformers, .differs, "loads as \(type) and keeps every token: the base model, without its adapter",
                notes: notes)
        }
        if seen.gates.areAllZero {
            return EngineVerdict(
                .transformers, .loads, "loads as \(type) and keeps every token, as these gates do, which are zeros",
                notes: notes)
        }
        return EngineVerdict(
            .transformers, .differs,
            "loads as \(type) and keeps every token: it knows nothing of dms_metadata.json and dms_ keys",
            notes: [
                "the borrowed query channels stay in the attention scores"
                    + (metadata.configuration.zeroing == .none ? ", as the metadata say" : ", where dms sets them to 0")
            ] + notes)
    }

    /// `llama` is `LlamaForCausalLM`; what `architectures` says is not asked.
    private static func className(_ configuration: LlamaConfiguration) -> String {
        let type = configuration.raw["model_type"]?.stringValue ?? ""
        return type.prefix(1).uppercased() + type.dropFirst() + "ForCausalLM"
    }

    private static func refuses(_ reason: String) -> EngineVerdict {
        EngineVerdict(.transformers, .refuses, "refuses: \(reason)")
    }

    // MARK: The configuration

    /// Why `AutoConfig` does not read the file; `nil` where it does.
    static func configurationRefusal(_ seen: Examination) -> String? {
        guard let object = seen.configuration.object else { return "config.json is missing or no JSON object" }
        guard object["model_type"]?.stringValue != nil else { return "config.json has no model_type" }
        for error in seen.configuration.errors {
            guard case .key(let key) = error.subject else { continue }
            if key == "head_dim", let value = object[key]?.integerValue, value % 2 != 0 { return "\(error)" }
            if let value = object[key], mustBeNumber.contains(key), value.doubleValue == nil { return "\(error)" }
            if key == "hidden_act", !activations.contains(object[key]?.stringValue ?? "") { return "\(error)" }
            if key.hasSuffix("rope_type") || key.hasSuffix(".type"), let type = ropeType(object),
                !ropeTypes.contains(type)
            {
                return "\(error)"
            }
        }
        return nil
    }

    private static let mustBeNumber: Set<String> = [
        "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "rms_norm_eps",
        "max_position_embeddings",
    ]
    private static let activations: Set<String> = [
        "silu", "swish", "gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "quick_gelu", "relu", "relu2", "relu6",
        "mish", "tanh", "sigmoid", "linear", "laplace", "leaky_relu", "prelu",
    ]
    private static let ropeTypes: Set<String> = ["default", "linear", "dynamic", "yarn", "longrope", "llama3"]

    private static func ropeType(_ object: JSONObject) -> String? {
        let scaling = (object["rope_parameters"] ?? object["rope_scaling"])?.objectValue
        return (scaling?["rope_type"] ?? scaling?["type"])?.stringValue
    }

    // MARK: The weights

    /// Of two checkpoints in a folder it takes `model.safetensors`; the others are as if they were not there.
    private static func weightsRefusal(_ seen: Examination) -> String? {
        let single = CheckpointTensors.singleName
        if seen.weights.members.isEmpty, seen.weights.errors.isEmpty || !seen.folder.has(CheckpointTensors.indexName) {
            let other = ["pytorch_model.bin", "pytorch_model.bin.index.json"].contains { seen.folder.has($0) }
            return other ? nil : "no \(single) and no index of shards"
        }
        if seen.folder.has(single), !seen.weights.members.contains(single) {
            do throws(CheckpointError) {
                _ = try SafetensorsFile(path: seen.folder.path(of: single))
                return nil
            } catch {
                return "\(error)"
            }
        }
        if seen.weights.findings.contains(where: { $0.subject == .key("metadata") }) {
            return "\(CheckpointTensors.indexName) has no \"metadata\""
        }
        if let error = seen.weights.errors.first(where: { !isHarmless($0) }) { return "\(error)" }
        let mismatch = seen.tensors.errors.first { $0.found.hasPrefix("shape ") }
        return mismatch.map { "\($0)" }
    }

    /// An index is a list of files to it; what it says of tensors is not compared.
    private static func isHarmless(_ error: CheckpointError) -> Bool {
        if case .tensor = error.subject {
            return error.required.contains(CheckpointTensors.indexName) || error.required.contains("in the index")
                || error.required == "each tensor in one file"
        }
        return error.found.contains("which is there too")
    }

    // MARK: The tokenizer

    private static func tokenizerNotes(_ seen: Examination) -> [String] {
        if seen.tokenizer.tokenizer == nil {
            return ["its tokenizer may refuse: tokenizer.json cannot be read here"]
        }
        if TokenizerCheck.endToken([seen.tokenizer.companion ?? JSONObject()]) == nil,
            !seen.folder.has("special_tokens_map.json")
        {
            return ["its tokenizer knows no end of text: no eos_token in tokenizer_config.json"]
        }
        return []
    }
}
