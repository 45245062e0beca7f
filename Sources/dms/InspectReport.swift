import DMSCheckpoint
import DMSEngine
import DMSJSON
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTokenizer

/// What `dms inspect` prints.
struct InspectReport {
    private let directory: ModelDirectory
    private let dms: DMSMetadata?
    private let vocabularySize: Int
    /// What is beside the weights, or why it cannot be used.
    private let panels: Result<PanelsFile?, CheckpointError>

    init(path: String) throws {
        directory = try ModelDirectory.open(path: path)
        try directory.validateWeights()
        dms = try directory.dmsMetadata()
        let directory = directory
        panels = Result { () throws(CheckpointError) in try PanelsFile(directory) }
        vocabularySize = try Tokenizer(file: directory.tokenizerPath).vocabularySize
    }

    private var configuration: LlamaConfiguration { directory.configuration }
    private static let kvTypes: [ScalarType] = [.float32, .bfloat16, .float8, .int8]

    private var parameterCount: Int {
        directory.expectedTensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
    }

    /// The element types of the tensors, in alphabetical order.
    private var types: [String] {
        Set(directory.weights.names.compactMap { directory.weights[$0]?.dtype.rawValue }).sorted()
    }

    private static func byteCount(_ file: SafetensorsFile) -> Int {
        file.header.dataOffset + (file.header.entries.last?.byteRange.upperBound ?? 0)
    }

    private var scaling: String {
        switch configuration.rope.scaling {
        case .none: "none"
        case .linear(let factor): "linear, factor \(factor)"
        case .llama3(let factor, let low, let high, let original):
            "llama3, factor \(factor), low \(low), high \(high), original positions \(original)"
        }
    }

    /// Names and values of the configuration.
    private var shape: [(name: String, value: JSONValue)] {
        [
            ("family", .string(configuration.family.name)),
            ("layers", .count(configuration.layerCount)), ("hidden_size", .count(configuration.hiddenSize)),
            ("intermediate_size", .count(configuration.intermediateSize)),
            ("query_heads", .count(configuration.headCount)),
            ("key_value_heads", .count(configuration.keyValueHeadCount)),
            ("head_dim", .count(configuration.headDimension)), ("vocab_size", .count(configuration.vocabularySize)),
            ("max_position_embeddings", .count(configuration.maximumPositions)),
            ("tied_embeddings", .bool(configuration.tiesEmbeddings)),
            ("attention_bias", .bool(configuration.hasAttentionBias)),
            ("mlp_bias", .bool(configuration.hasFeedForwardBias)),
            ("rope_theta", .number(configuration.rope.theta)), ("rope_scaling", .string(scaling)),
        ]
    }

    /// The fields of the DMS metadata in the order of the format, and where each came from.
    private func fields(_ dms: DMSMetadata) -> [(field: DMSField, value: JSONValue, origin: String)] {
        DMSField.allCases.compactMap { field in
            guard let value = Self.value(field, dms) else { return nil }
            return (field, value, dms.origins[field].map { "\($0)" } ?? "not stated")
        }
    }

    private static func value(_ field: DMSField, _ dms: DMSMetadata) -> JSONValue? {
        let configuration = dms.configuration
        switch field {
        case .windowSize: return .count(configuration.windowSize)
        case .alphaScale: return .number(Double(configuration.alphaScale))
        case .alphaOffset: return .number(Double(configuration.alphaOffset))
        case .profile: return .string("\(dms.profile)")
        case .decisionSource: return .string("\(configuration.source)")
        case .channel: return configuration.channel.index.map { .count($0) } ?? .string("last")
        case .decisionShift: return .count(configuration.decisionShift)
        case .zeroChannel: return .string("\(configuration.zeroing)")
        case .windowInclusive: return .bool(configuration.windowInclusive)
        case .targetRatio: return dms.targetRatio.map { .number($0) }
        case .contextLength: return dms.contextLength.map { .count($0) }
        case .compressionMode: return dms.compressionMode.map { .string($0) }
        case .baseModel: return dms.baseModel.map { .string($0) }
        case .weightsSHA256: return dms.weightsSHA256.map { .string($0) }
        case .weightsBytes: return dms.weightsBytes.map { .count($0) }
        case .training: return dms.training.map { .object($0) }
        case .measured: return dms.measured.map { .object($0) }
        case .formatVersion: return dms.origins[field].map { _ in .string(DMSMetadata.formatVersion) }
        }
    }

    /// Bytes per token in a dense cache, and behind the window at the target ratio.
    private func bytesPerToken(_ type: ScalarType) -> (dense: Int, expected: Double?) {
        let dense = KVFootprint(configuration, type: type).bytesPerToken
        return (dense, dms?.targetRatio.map { Double(dense) / $0 })
    }

    // MARK: Text

    /// How many linear layers are stored as what.
    private static func integers(_ quantization: WeightQuantization, _ configuration: LlamaConfiguration) -> String {
        var counts: [WeightQuantization.Scheme: Int] = [:]
        for layer in configuration.linearLayers {
            if let scheme = quantization.scheme(of: layer.name) { counts[scheme, default: 0] += 1 }
        }
        let sorted = counts.sorted {
            ($1.value, $0.key.bits, $0.key.groupSize) < ($0.value, $1.key.bits, $1.key.groupSize)
        }
        return sorted.map { scheme, count in
            "\(count) layers as int\(scheme.bits) in groups of \(scheme.groupSize)"
        }.joined(separator: ", ")
    }

    var text: String {
        var lines = ["\(directory.path)", ""]
        lines.append("parameters  \(parameterCount) in \(types.joined(separator: ", "))")
        if let quantization = configuration.quantization {
            lines.append("integers    \(Self.integers(quantization, configuration))")
        }
        for file in directory.weights.files {
            lines.append("weights     \(file.path), \(Units.bytes(Self.byteCount(file)))")
        }
        switch panels {
        case .success(nil): break
        case .success(let panels?):
            lines.append("panels      \(panels.path), \(Units.bytes(panels.byteCount))")
        case .failure(let error): lines.append("panels      cannot be used: \(error)")
        }
        lines.append("tokenizer   \(directory.path + "/tokenizer.json"), \(vocabularySize) entries")
        lines.append("")
        for (name, value) in shape { lines.append("\(Self.padded(name)) \(Self.plain(value))") }
        let ends = directory.generationConfiguration.endOfTextIDs.map(String.init).joined(separator: ", ")
        lines.append("\(Self.padded("end_of_text")) \(ends.isEmpty ? "none" : ends)")
        if !configuration.ignoredKeys.isEmpty {
            lines.append("\(Self.padded("ignored keys")) \(configuration.ignoredKeys.joined(separator: ", "))")
        }
        lines.append("")
        lines += eviction
        lines.append("")
        return lines.joined(separator: "\n") + cost
    }

    private var eviction: [String] {
        guard let dms else { return ["eviction    none: no \(DMSMetadata.fileName), no dms_ keys in config.json"] }
        let check =
            dms.weightsSHA256 == nil
            ? "no weights_sha256 is stated, so these may be any" : "hashed, and the ones that weights_sha256 names"
        return ["eviction    Dynamic Memory Sparsification"]
            + fields(dms).flatMap { Self.lines($0.field.rawValue, $0.value, origin: $0.origin) }
            + ["  \(Self.padded("weights")) \(check)"]
    }

    private var cost: String {
        var table = TextTable(["cache, bytes per token", "dense", "expected", "dense, whole context"])
        for type in Self.kvTypes {
            let (dense, expected) = bytesPerToken(type)
            table.add([
                type.name, "\(dense)", expected.map { Units.fixed($0, 0) } ?? "-",
                Units.bytes(dense * configuration.maximumPositions),
            ])
        }
        return table.text
    }

    /// A field on a line; of one that holds several, such as what the training was, each has a line of its own.
    private static func lines(_ name: String, _ value: JSONValue, origin: String) -> [String] {
        guard let object = value.objectValue else { return ["  \(padded(name)) \(plain(value))  (\(origin))"] }
        return ["  \(padded(name)) (\(origin))"]
            + object.entries.map { "    \(padded($0.key, to: 30)) \(plain($0.value))" }
    }

    private static func padded(_ name: String, to width: Int = 24) -> String {
        name + String(repeating: " ", count: max(0, width - name.count))
    }

    private static func plain(_ value: JSONValue) -> String { value.stringValue ?? value.text() }

    // MARK: JSON

    private var panelsJSON: JSONValue {
        switch panels {
        case .success(nil): .null
        case .success(let panels?):
            .object(JSONObject(["path": .string(panels.path), "bytes": .count(panels.byteCount)]))
        case .failure(let error): .object(JSONObject(["error": .string("\(error)")]))
        }
    }

    var json: JSONObject {
        JSONObject([
            "model": .string(directory.path), "parameters": .count(parameterCount),
            "dtypes": .array(types.map { .string($0) }),
            "quantization": configuration.quantization.map { .object($0.json) } ?? .null,
            "files": .array(
                directory.weights.files.map { file in
                    .object(JSONObject(["path": .string(file.path), "bytes": .count(Self.byteCount(file))]))
                }),
            "panels": panelsJSON,
            "configuration": .object(shape.reduce(into: JSONObject()) { $0[$1.name] = $1.value }),
            "ignored_keys": .array(configuration.ignoredKeys.map { .string($0) }),
            "end_of_text_ids": .ids(directory.generationConfiguration.endOfTextIDs),
            "tokenizer": .object(
                JSONObject(["path": .string(directory.path + "/tokenizer.json"), "entries": .count(vocabularySize)])),
            "dms": dms.map { .object(evictionJSON($0)) } ?? .null,
            "kv_bytes_per_token": .object(
                Self.kvTypes.reduce(into: JSONObject()) { object, type in
                    let (dense, expected) = bytesPerToken(type)
                    object[type.name] = .object(
                        JSONObject(["dense": .count(dense), "expected": .measure(expected)]))
                }),
        ])
    }

    private func evictionJSON(_ dms: DMSMetadata) -> JSONObject {
        fields(dms).reduce(into: JSONObject()) { object, entry in
            var field = JSONObject(["value": entry.value, "origin": .string(entry.origin)])
            // Metadata of other weights has been refused by now.
            if entry.field == .weightsSHA256 { field["verified"] = .bool(true) }
            object[entry.field.rawValue] = .object(field)
        }
    }
}
