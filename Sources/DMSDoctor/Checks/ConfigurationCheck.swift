import DMSCheckpoint
import DMSJSON

/// `config.json`: present, JSON, a family that is known, every key known, sizes that fit each other.
struct ConfigurationCheck {
    /// As it stands in the file.
    let object: JSONObject?
    /// What it says without the keys that were refused; `nil` where that is not enough.
    let configuration: LlamaConfiguration?
    let errors: [CheckpointError]
    let findings: [Finding]

    init(_ folder: ModelFolder) {
        let file = folder.path(of: "config.json")
        let object: JSONObject
        do throws(CheckpointError) {
            object = try ModelDirectory.configurationObject(in: folder.path)
        } catch {
            self.object = nil
            configuration = nil
            errors = [error]
            findings = [Finding(error, .configuration, in: folder.path, advice: Advice.forFile(error))]
            return
        }
        let refusals = Refusals(of: [file: object], standIn: Self.standIn) {
            (objects) throws(CheckpointError) in try LlamaConfiguration(objects[file] ?? JSONObject(), file: file)
        }
        self.object = object
        configuration = refusals.value
        errors = refusals.errors
        var findings = errors.map { Finding($0, .configuration, in: folder.path, advice: Advice.correct) }
        for key in configuration?.ignoredKeys ?? [] {
            findings.append(
                Finding(
                    .warning, .configuration, file: "config.json", .key(key),
                    found: CheckpointError.shown(object[key] ?? .null),
                    required: "no key but those that are known, as others might change what the model computes",
                    advice: "it is ignored here; look at what wrote it"))
        }
        if findings.isEmpty, let configuration {
            findings.append(.init(.ok, .configuration, file: "config.json", found: Self.summary(configuration)))
        }
        self.findings = findings
    }

    /// Whether the shapes of tensors follow from the file: a key that was taken out may have decided about them.
    var givesShapes: Bool {
        configuration != nil
            && !errors.contains { error in
                guard case .key(let key) = error.subject else { return true }
                return Self.shaping.contains(String(key.split(separator: ".").first ?? ""))
            }
    }

    private static let shaping: Set<String> = [
        "model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "head_dim", "vocab_size", "tie_word_embeddings", "attention_bias", "mlp_bias",
        "quantization_config",
    ]

    /// Values for keys that must be there, under which nothing else is refused that would not be anyway.
    private static func standIn(_ key: String, _ object: JSONObject) -> JSONValue? {
        func count(_ key: String) -> Int64 { min(max(1, object[key]?.integerValue ?? 1), 4096) }
        return switch key {
        case "hidden_size": .integer(count("num_attention_heads") * 128)
        case "intermediate_size": .integer(1 << 14)
        case "num_hidden_layers": .integer(1)
        case "num_attention_heads": .integer(count("num_key_value_heads"))
        case "vocab_size": .integer(1 << 24)
        case "max_position_embeddings": .integer(1 << 30)
        case "rms_norm_eps": .number(1e-5)
        // What some families must state, and what they may say without changing the meaning of other keys.
        case "sliding_window", "num_key_value_heads", "head_dim": .null
        default: nil
        }
    }

    private static func summary(_ configuration: LlamaConfiguration) -> String {
        let type = configuration.raw["model_type"]?.stringValue ?? "model"
        return "\(type), \(configuration.layerCount) layers, \(configuration.headCount) query and "
            + "\(configuration.keyValueHeadCount) KV heads of \(configuration.headDimension) channels, vocabulary "
            + "\(configuration.vocabularySize), \(configuration.maximumPositions) positions"
    }
}
