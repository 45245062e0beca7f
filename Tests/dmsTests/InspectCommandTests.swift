import DMSCheckpoint
import DMSJSON
import DMSTestSupport
import Foundation
import Testing

@Suite("dms inspect")
struct InspectCommandTests {
    @Test("what the files say and where they say it")
    func eviction() throws {
        let model = try TinyFolder(dms: TinyFolder.metadata(window: 8))
        let object = try Command.run("inspect", "--model", model.path, "--json").object()
        let window = object["dms"]?.objectValue?["window_size"]?.objectValue
        #expect(window?["value"] == .integer(8))
        #expect(window?["origin"]?.stringValue?.contains("dms_metadata.json") == true)
        #expect(object["dms"]?.objectValue?["zero_channel"]?.objectValue?["origin"] == .string("profile fastdms"))
        // 2 layers, 2 heads, 8 channels, keys and values; a fourth of it at the target ratio; scales for FP8.
        let costs = object["kv_bytes_per_token"]?.objectValue
        #expect(costs?["fp32"]?.objectValue?["dense"] == .integer(256))
        #expect(costs?["bf16"]?.objectValue?["dense"] == .integer(128))
        #expect(costs?["bf16"]?.objectValue?["expected"]?.doubleValue == 32)
        #expect(costs?["fp8"]?.objectValue?["dense"] == .integer(96))
        let text = try Command.run("inspect", "--model", model.path)
        #expect(text.status == 0)
        #expect(text.output.contains("window_size"))
    }

    @Test("what the training was has a line for each value")
    func training() throws {
        var metadata = TinyFolder.metadata(window: 8)
        metadata["training"] = .object(JSONObject(["seed": .integer(1), "learning_rate": .number(0.5)]))
        let model = try TinyFolder(dms: metadata)
        let text = try Command.run("inspect", "--model", model.path).output
        #expect(text.contains(/\n  training +\(.*dms_metadata.json.*\)\n    seed +1\n    learning_rate +0\.5\n/))
    }

    @Test("a plain model has no eviction")
    func plain() throws {
        let model = try TinyFolder()
        let object = try Command.run("inspect", "--model", model.path, "--json").object()
        #expect(object["dms"] == .null)
        // The tensors of the tiny checkpoint, counted by hand: 262 x 24 for the embedding; per layer 48 x 24 twice,
        // 16 x 24 twice, 40 x 24 three times, two norms; one norm at the end.
        let embedding: Int64 = 262 * 24
        let layer: Int64 = 2 * 48 * 24 + 2 * 16 * 24 + 3 * 40 * 24 + 48
        #expect(object["parameters"] == .integer(embedding + 2 * layer + 24))
        #expect(try Command.run("inspect", "--model", model.path).output.contains("eviction    none"))
    }

    private static let good = #""window_size": 8, "alpha_scale": 100, "alpha_offset": 5"#

    @Test(
        "bad metadata is refused by file and key, whoever reads it",
        arguments: [
            (#""alpha_scale": 100, "alpha_offset": 5"#, "{}", "dms_metadata.json", "window_size"),
            (#""window_size": 8, "alpha_scale": NaN, "alpha_offset": 5"#, "{}", "dms_metadata.json", "alpha_scale"),
            (
                #""window_size": 2147483648, "alpha_scale": 1, "alpha_offset": 5"#, "{}", "dms_metadata.json",
                "window_size"
            ),
            (good + #", "profile": "unheard-of""#, "{}", "dms_metadata.json", "profile"),
            (
                good + #", "weights_sha256": "\#(String(repeating: "0", count: 64))""#, "{}", "dms_metadata.json",
                "weights_sha256"
            ),
            (good + #", "weights_bytes": 1"#, "{}", "dms_metadata.json", "weights_bytes"),
            (good, #"{"dms_window_size": 9}"#, "config.json", "dms_window_size"),
        ])
    func refused(metadata: String, config: String, file: String, key: String) throws {
        let model = try TinyFolder()
        try model.folder.write("{\(metadata)}", to: "dms_metadata.json")
        let own = try #require(
            try JSONReader.parse(Array(String(contentsOfFile: model.folder.file("config.json"), encoding: .utf8).utf8))
                .objectValue)
        var merged = own
        for (key, value) in try #require(try JSONReader.parse(Array(config.utf8)).objectValue).entries {
            merged[key] = value
        }
        try model.folder.write(JSONValue.object(merged).text(), to: "config.json")
        let plain = try TinyFolder()
        let corpus = try EvalCommandTests.corpus(plain.folder)
        for arguments in [
            ["inspect", "--model", model.path], ["generate", "hi", "--model", model.path],
            ["eval", "--model", model.path, "--corpus", corpus],
            ["eval", "--model", plain.path, "--base", model.path, "--corpus", corpus],
        ] {
            let result = try Command.run(arguments, input: [])
            #expect(result.status == 1)
            #expect(result.output.isEmpty)
            #expect(result.error.hasPrefix("dms: error: \(model.folder.file(file)): key \"\(key)\": found "))
        }
    }

    @Test("weights that metadata names are hashed, and that is said")
    func verified() throws {
        let model = try TinyFolder(dms: TinyFolder.metadata(window: 8))
        #expect(try Command.run("inspect", "--model", model.path).output.contains("no weights_sha256 is stated"))
        var metadata = TinyFolder.metadata(window: 8)
        metadata["weights_sha256"] = .string(try WeightsDigest(directory: model.path).sha256)
        try model.folder.write(JSONValue.object(metadata).text(), to: "dms_metadata.json")
        let object = try Command.run("inspect", "--model", model.path, "--json").object()
        let field = object["dms"]?.objectValue?["weights_sha256"]?.objectValue
        #expect(field?["verified"] == .bool(true))
        #expect(try Command.run("inspect", "--model", model.path).output.contains("hashed, and the ones"))
    }
}
