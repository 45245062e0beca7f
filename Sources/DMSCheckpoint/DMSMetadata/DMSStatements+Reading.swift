import DMSJSON

extension DMSStatements {
    /// Adds what a `dms_metadata.json` states.
    ///
    /// Its fields stand at the top level, or in an object under `config`, where some writers put them. They may be
    /// spelled as in a `config.json` too.
    ///
    /// - Throws: ``CheckpointError`` for a key that is not known: a misspelled field must not be overlooked.
    mutating func read(metadata: JSONObject, file: String) throws(CheckpointError) {
        for (key, value) in metadata.entries {
            let entry = DMSEntry(file: file, key: key, value: value)
            guard key == "config" else {
                try readMetadataKey(key, entry)
                continue
            }
            for (inner, value) in try entry.object().entries {
                try readMetadataKey(inner, DMSEntry(file: file, key: "config.\(inner)", value: value))
            }
        }
    }

    /// Adds what the `dms_` keys of a `config.json` state; every other key is somebody else's.
    ///
    /// - Throws: ``CheckpointError`` for a key with that prefix which is not known.
    mutating func read(config: JSONObject, file: String) throws(CheckpointError) {
        for (key, value) in config.entries where key.hasPrefix("dms_") {
            let entry = DMSEntry(file: file, key: key, value: value)
            guard try readPrefixedKey(key, entry, isAllowed: \.isAllowedInConfig) else {
                throw Self.unknown(entry, known: Self.configKeys)
            }
        }
        if firstKey != nil, nvidiaMarker == nil, let map = config["auto_map"]?.objectValue,
            map.entries.contains(where: { $0.value.stringValue?.contains("_dms.") == true })
        {
            nvidiaMarker = .file(file, key: "auto_map")
        }
    }

    private mutating func readMetadataKey(_ key: String, _ entry: DMSEntry) throws(CheckpointError) {
        if let field = DMSField(rawValue: key) {
            try state(field, entry)
        } else if try !readPrefixedKey(key, entry, isAllowed: { _ in true }) {
            throw Self.unknown(entry, known: DMSField.allCases.map(\.rawValue))
        }
    }

    /// Reads a key with the prefix `dms_`, and says whether it is known.
    private mutating func readPrefixedKey(
        _ key: String, _ entry: DMSEntry, isAllowed: (DMSField) -> Bool
    ) throws(CheckpointError) -> Bool {
        guard key.hasPrefix("dms_") else { return false }
        let name = String(key.dropFirst("dms_".count))
        if let field = Self.aliases[key] ?? DMSField(rawValue: name) {
            guard isAllowed(field) else { return false }
            try state(field, entry)
            return true
        }
        guard let meaning = NVIDIAKey(rawValue: key) else { return false }
        noteKey(entry)
        if nvidiaMarker == nil { nvidiaMarker = entry.origin }
        switch meaning {
        case .separateAlpha:
            try stateSeparateGate(entry)
        case .alphaPer:
            guard entry.value == .string("head") else {
                throw entry.fail(required: "\"head\": decisions shared by a whole layer are not supported")
            }
        case .disableEviction:
            guard entry.value == .bool(false) else {
                throw entry.fail(required: "false: a checkpoint states its gates, and who runs it may disable them")
            }
        case .temperature, .blockSize, .manualMode, .chunkedPrefill, .preallocation, .compileLimit:
            break
        }
        return true
    }

    /// Fields with another name in a `config.json`.
    private static let aliases: [String: DMSField] = [
        "dms_cr": .targetRatio,
        "dms_initial_alpha_offset": .alphaOffset,
    ]

    private static var configKeys: [String] {
        DMSField.allCases.filter(\.isAllowedInConfig).map(\.configKey) + aliases.keys.sorted()
            + NVIDIAKey.allCases.map(\.rawValue)
    }

    private static func unknown(_ entry: DMSEntry, known: [String]) -> CheckpointError {
        CheckpointError(
            file: entry.file, .key(entry.key), found: "an unknown key",
            required: "one of \(known.joined(separator: ", "))")
    }
}

/// Keys that NVIDIA's trainer writes into a `config.json` beside those it shares with others.
///
/// Any of them says that the checkpoint is of its profile. See Model-Optimizer,
/// `experimental/dms/models/qwen3/configuration_qwen3_dms.py`.
private enum NVIDIAKey: String, CaseIterable {
    /// Whether the gate has tensors of its own.
    case separateAlpha = "dms_separate_alpha"
    /// `head` or `layer`.
    case alphaPer = "dms_alpha_per"
    case disableEviction = "dms_disable_eviction"
    // Of training or of its own runtime; they change nothing about the function and are ignored.
    case temperature = "dms_tau"
    case blockSize = "dms_paged_attention_block_size"
    case manualMode = "dms_manual_inference_mode"
    case chunkedPrefill = "dms_chunked_prefill"
    case preallocation = "dms_preallocate_for_tokens"
    case compileLimit = "dms_compile_limit"
}
