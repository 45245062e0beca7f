import DMSCheckpoint
import DMSJSON
import DMSPolicy
import DMSTestSupport
import Testing

@Suite("Completing metadata")
struct DMSMetadataCompletionTests {
    private let directory = TemporaryDirectory()

    private func prepare(metadata: String? = nil, config: String = "{}") throws {
        var checkpoint = TinyCheckpoint()
        checkpoint.extraConfiguration = try #require(try JSONReader.parse(Array(config.utf8)).objectValue)
        try checkpoint.write(to: directory.path)
        if let metadata { directory.write(metadata, "dms_metadata.json") }
    }

    private func completion(_ values: [DMSField: JSONValue]) throws -> DMSMetadataCompletion {
        try DMSMetadataCompletion(directory: try ModelDirectory.open(path: directory.path), values: values) {
            "--\($0)"
        }
    }

    private func object() throws -> JSONObject {
        try #require(try JSONReader.parse(directory.contents("dms_metadata.json")).objectValue)
    }

    private static let all: [DMSField: JSONValue] = [
        .profile: .string("nvidia"), .windowSize: .integer(16), .alphaScale: .number(100), .alphaOffset: .number(5),
    ]

    @Test func aWholeFileFromWhatSomebodySays() throws {
        try prepare()
        try completion(Self.all).write()
        let directory = try ModelDirectory.open(path: directory.path)
        let metadata = try #require(try directory.dmsMetadata())
        #expect(metadata.profile == .nvidia)
        #expect(metadata.configuration.windowSize == 16)
        #expect(metadata.configuration.decisionShift == 1)
        #expect(metadata.weightsSHA256 == (try WeightsDigest(directory: directory.path)).sha256)
        // Every field of the format stands there, so that no profile is asked any more.
        #expect(metadata.origins.values.allSatisfy { if case .file = $0 { true } else { false } })
    }

    @Test func writesNothingTheSecondTime() throws {
        try prepare()
        try completion(Self.all).write()
        let bytes = directory.contents("dms_metadata.json")
        let second = try completion(Self.all)
        #expect(second.additions == [])
        try second.write()
        #expect(directory.contents("dms_metadata.json") == bytes)
        #expect(try completion([:]).additions == [])
    }

    @Test func takesWhatTheConfigurationStates() throws {
        try prepare(
            config: #"{"dms_window_size": 9, "dms_alpha_scale": 50, "dms_initial_alpha_offset": 2.5, "dms_cr": 4}"#)
        try completion([.profile: .string("fastdms")]).write()
        let object = try object()
        #expect(object["window_size"] == .integer(9))
        #expect(object["alpha_offset"]?.doubleValue == 2.5)
        #expect(object["target_cr"] == .integer(4))
        #expect(object["zero_channel"] == .string("before_rope"))
        #expect(object.keys.allSatisfy { !$0.hasPrefix("dms_") })
    }

    @Test func leavesWhatIsStatedAsItStands() throws {
        try prepare(
            metadata:
                #"{"target_cr": 8.0, "window_size": 4, "alpha_scale": 1e2, "alpha_offset": 5, "measured": {"a": 1}}"#)
        let completion = try completion([.profile: .string("fastdms")])
        try completion.write()
        let object = try object()
        #expect(object.keys.prefix(5) == ["target_cr", "window_size", "alpha_scale", "alpha_offset", "measured"])
        #expect(object["target_cr"] == .number(8))
        #expect(object["alpha_offset"] == .integer(5))
        #expect(
            completion.additions.map(\.key) == [
                "format_version", "profile", "decision_source", "channel", "decision_shift", "zero_channel",
                "window_inclusive", "weights_sha256", "weights_bytes",
            ])
    }

    /// Who reads such a file reads that object alone.
    @Test func putsPublishedFieldsWhereTheOthersAre() throws {
        try prepare(metadata: #"{"config": {"window_size": 4, "alpha_scale": 100}}"#)
        try completion([.profile: .string("fastdms"), .alphaOffset: .number(5)]).write()
        let object = try object()
        #expect(object["config"]?.objectValue?["alpha_offset"]?.doubleValue == 5)
        #expect(object["alpha_offset"] == nil)
        #expect(object["profile"] == .string("fastdms"))
        #expect(try ModelDirectory.open(path: directory.path).dmsMetadata() != nil)
    }

    @Test(arguments: [
        // Stated in the metadata, in the configuration, and by the trainer's own key; no metadata are an empty object.
        (#"{"window_size": 4}"#, "{}", DMSField.windowSize, JSONValue.integer(5), "4, as stated by"),
        ("{}", #"{"dms_window_size": 4}"#, .windowSize, .integer(5), "dms_window_size"),
        (#"{"profile": "nvidia"}"#, "{}", .profile, .string("fastdms"), "nvidia, as stated by"),
        ("{}", #"{"dms_separate_alpha": false}"#, .profile, .string("fastdms"), "dms_separate_alpha"),
    ])
    func refusesToContradict(
        metadata: String, config: String, field: DMSField, value: JSONValue, required: String
    ) throws {
        try prepare(metadata: metadata, config: config)
        var values = Self.all
        if field == .windowSize { values[.profile] = nil }
        values[field] = value
        let given = values
        expectError(file: "command line", .key("--\(field)"), found: "", required: required) {
            () throws(CheckpointError) in
            try DMSMetadataCompletion(directory: try ModelDirectory.open(path: directory.path), values: given) {
                "--\($0)"
            }
        }
        #expect(directory.contents("dms_metadata.json") == Array(metadata.utf8))
    }

    @Test func refusesToGuess() throws {
        try prepare()
        var values = Self.all
        values[.profile] = nil
        let without = values
        expectError(file: "dms_metadata.json", .key("profile"), found: "no such key", required: "a profile") {
            () throws(CheckpointError) in
            try DMSMetadataCompletion(directory: try ModelDirectory.open(path: directory.path), values: without) {
                "\($0)"
            }
        }
        expectError(file: "dms_metadata.json", .key("window_size"), found: "no such key") {
            () throws(CheckpointError) in
            try DMSMetadataCompletion(
                directory: try ModelDirectory.open(path: directory.path), values: [.profile: .string("fastdms")]
            ) { "\($0)" }
        }
        #expect(!directory.names.contains("dms_metadata.json"))
    }

    /// A digest of weights that are not the model's would say that they are.
    @Test func namesNoWeightsThatDoNotFit() throws {
        try prepare()
        var other = TinyCheckpoint()
        other.layers = 1
        let second = TemporaryDirectory()
        try other.write(to: second.path)
        directory.write(second.contents("model.safetensors"), "model.safetensors")
        #expect(throws: CheckpointError.self) { try completion(Self.all) }
        try prepare(metadata: #"{"weights_sha256": "\#(String(repeating: "0", count: 64))"}"#)
        #expect(throws: CheckpointError.self) { try completion(Self.all) }
    }
}
