import DMSJSON
import DMSPolicy
import Testing

@testable import DMSCheckpoint

/// A `dms_metadata.json` that must be refused, and the key that the error must name.
struct HostileMetadata: Sendable, CustomTestStringConvertible {
    let text: String
    let key: String

    init(_ text: String, key: String) {
        self.text = text
        self.key = key
    }

    var testDescription: String { text }

    static let valid = ["window_size": "64", "alpha_scale": "100.0", "alpha_offset": "5.0"]

    /// The three numbers with one of them replaced, or a field added.
    static func with(_ key: String, _ value: String) -> HostileMetadata {
        var fields = valid
        fields[key] = value
        let entries = fields.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }
        return HostileMetadata("{\(entries.joined(separator: ", "))}", key: key)
    }

    static func without(_ key: String) -> HostileMetadata {
        let entries = valid.filter { $0.key != key }.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }
        return HostileMetadata("{\(entries.joined(separator: ", "))}", key: key)
    }

    static let numbers: [HostileMetadata] = ["null", "true", "\"100\"", "[1]", "{}", "NaN", "Infinity", "-Infinity"]
        .flatMap { value in valid.keys.sorted().map { with($0, value) } }

    static let windows = ["-1", "2147483648", "1e3", "64.0", "64.5", "9223372036854775808", "-9223372036854775809"]
        .map { with("window_size", $0) }

    static let scales = ["0", "-0.0", "0.0", "-100", "1e39", "1e-60", "1e999"].map { with("alpha_scale", $0) }

    static let offsets = ["1e39", "-1e39"].map { with("alpha_offset", $0) }

    static let semantics: [HostileMetadata] = [
        with("profile", "\"FastDMS\""), with("profile", "\"\""), with("profile", "1"), with("profile", "null"),
        with("decision_source", "\"key_channel\""), with("decision_source", "true"),
        with("zero_channel", "\"after_rope\""), with("zero_channel", "true"), with("zero_channel", "null"),
        with("channel", "\"first\""), with("channel", "-1"), with("channel", "1.0"), with("channel", "null"),
        with("decision_shift", "2"), with("decision_shift", "-1"), with("decision_shift", "true"),
        with("decision_shift", "0.0"), with("decision_shift", "null"),
        with("window_inclusive", "1"), with("window_inclusive", "\"true\""), with("window_inclusive", "null"),
    ]

    static let others: [HostileMetadata] = [
        with("target_cr", "0.5"), with("target_cr", "\"8\""), with("target_cr", "NaN"), with("target_cr", "true"),
        with("context_len", "0"), with("context_len", "4096.5"), with("context_len", "2147483648"),
        with("compression_mode", "1"), with("base_model", "[]"), with("training", "1"), with("measured", "[]"),
        with("format_version", "\"2.0\""), with("format_version", "2"), with("format_version", "0"),
        with("format_version", "\"1.\""), with("format_version", "\"one\""), with("format_version", "null"),
        with("format_version", "1.0"), with("format_version", "\"1.0.0\""), with("format_version", "\"+1\""),
        with("weights_sha256", "\"abc\""), with("weights_sha256", "1"),
        with("weights_sha256", "\"\(String(repeating: "g", count: 64))\""),
        with("weights_bytes", "0"), with("weights_bytes", "1.5"),
        with("windowsize", "64"), with("Window_Size", "64"), with("", "64"), with("dms_windowsize", "64"),
        with("config", "1"), HostileMetadata("{\"config\": {\"window_sizes\": 64}}", key: "config.window_sizes"),
        HostileMetadata("{\"config\": {\"config\": {}}}", key: "config.config"),
        HostileMetadata("{}", key: "window_size"),
    ]

    static let all =
        valid.keys.sorted().map { without($0) } + numbers + windows + scales + offsets + semantics + others
}

@Suite("DMS metadata: hostile files")
struct DMSMetadataHostileTests {
    @Test("Bad metadata is refused with the file and the key named", arguments: HostileMetadata.all)
    func hostile(_ hostile: HostileMetadata) {
        let error = #expect(throws: CheckpointError.self) { try resolveDMS(hostile.text) }
        #expect(error?.file == "m/dms_metadata.json")
        #expect(error?.subject == .key(hostile.key))
        #expect(error?.found.isEmpty == false)
        #expect(error?.required.isEmpty == false)
    }

    @Test(
        "A value missing from config.json is asked for under its name there",
        arguments: [
            (#"{"dms_cr": 8}"#, "dms_window_size"), (#"{"dms_window_size": 64}"#, "dms_alpha_scale"),
            (#"{"dms_window_size": 64, "dms_alpha_scale": 100}"#, "dms_alpha_offset"),
            (#"{"dms_zero_channel": "none"}"#, "dms_window_size"), (#"{"dms_tau": 0.1}"#, "dms_window_size"),
            (#"{"dms_windows": 64}"#, "dms_windows"), (#"{"dms_weights_sha256": "x"}"#, "dms_weights_sha256"),
            (#"{"dms_window_size": 2147483648}"#, "dms_window_size"), (#"{"dms_cr": "8"}"#, "dms_cr"),
        ])
    func hostileConfig(config: String, key: String) {
        let error = #expect(throws: CheckpointError.self) { try resolveDMS(nil, config: config) }
        #expect(error?.file == "m/config.json")
        #expect(error?.subject == .key(key))
    }

    @Test(
        "A contradiction names both files and both keys",
        arguments: [
            (#"{"dms_window_size": 257}"#, "dms_window_size", "window_size"),
            (#"{"dms_alpha_scale": 99.5}"#, "dms_alpha_scale", "alpha_scale"),
            (#"{"dms_alpha_offset": 4}"#, "dms_alpha_offset", "alpha_offset"),
            (#"{"dms_initial_alpha_offset": 4}"#, "dms_initial_alpha_offset", "alpha_offset"),
            (#"{"dms_cr": 4}"#, "dms_cr", "target_cr"),
        ])
    func contradictions(config: String, configKey: String, metadataKey: String) throws {
        let error = try #require(throws: CheckpointError.self) { try resolveDMS(publishedSix, config: config) }
        #expect(error.file == "m/config.json")
        #expect(error.subject == .key(configKey))
        #expect(error.required.contains("m/dms_metadata.json"))
        #expect(error.required.contains("\"\(metadataKey)\""))
    }

    @Test("Contradictions within one file, and between fields and NVIDIA's keys")
    func innerContradictions() throws {
        let aliases = #"{"dms_alpha_offset": 4, "dms_initial_alpha_offset": 5}"#
        let first = try #require(throws: CheckpointError.self) { try resolveDMS(nil, config: aliases) }
        #expect(first.subject == .key("dms_initial_alpha_offset"))
        #expect(first.required.contains("\"dms_alpha_offset\""))
        let nested = #"{"window_size": 64, "config": {"window_size": 65}}"#
        let second = try #require(throws: CheckpointError.self) { try resolveDMS(nested) }
        #expect(second.subject == .key("config.window_size"))
        let source = try #require(throws: CheckpointError.self) {
            try resolveDMS(
                #"{"decision_source": "borrowed_query_channel"}"#, config: #"{"dms_separate_alpha": true}"#)
        }
        #expect(source.subject == .key("dms_separate_alpha"))
        #expect(source.required.contains("\"decision_source\""))
    }

    @Test("An exclusive window of nothing")
    func exclusiveZero() throws {
        let text = #"{"window_size": 0, "window_inclusive": false, "alpha_scale": 1, "alpha_offset": 0}"#
        let error = try #require(throws: CheckpointError.self) { try resolveDMS(text) }
        #expect(error.file == "m/dms_metadata.json")
        #expect(error.subject == .key("window_size"))
    }

    @Test("The extremes that are allowed")
    func extremes() throws {
        let widest = try resolveDMS(#"{"window_size": 2147483647, "alpha_scale": 1e-30, "alpha_offset": -3e38}"#)
        #expect(widest?.configuration.rule.window == 2_147_483_647)
        let narrowest = try resolveDMS(#"{"window_size": 0, "alpha_scale": 1, "alpha_offset": 0, "format_version": 1}"#)
        #expect(narrowest?.configuration.rule.window == 0)
    }
}
