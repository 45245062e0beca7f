import DMSCheckpoint
import DMSJSON
import DMSTestSupport
import Foundation
import Testing

@Suite("dms inspect --verify")
struct InspectVerifyTests {
    @Test("the model that comes along is sound, and its object says so")
    func shipped() throws {
        let result = try Command.run("inspect", "--verify", "--json")
        #expect(result.status == 0)
        #expect(result.error.isEmpty)
        let object = try result.object()
        #expect(object["sound"] == .bool(true))
        #expect(object["warnings"] == .integer(0))
        let engines = object["engines"]?.arrayValue?.compactMap { $0.objectValue?["outcome"]?.stringValue }
        #expect(engines == ["loads", "differs", "loads"])
    }

    @Test("a problem is told with what to do, on standard output, with status 1")
    func problem() throws {
        let model = try TinyFolder(dms: TinyFolder.metadata(window: 8))
        #expect(try Command.run("inspect", "--verify", model.path).status == 0)
        try model.folder.write(
            "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", to: "model.safetensors")
        let result = try Command.run("inspect", "--verify", "--model", model.path)
        #expect(result.status == 1)
        #expect(result.error.isEmpty)
        #expect(result.output.contains("problem  model.safetensors"))
        #expect(result.output.contains("git lfs pull"))
        #expect(result.output.contains("1 problem"))
        let json = try Command.run("inspect", "--verify", model.path, "--json")
        #expect(json.status == 1)
        #expect(try json.object()["problems"] == .integer(1))
    }

    @Test("missing metadata are written, once, and then the folder has no warnings")
    func fix() throws {
        let model = try TinyFolder(dms: TinyFolder.metadata(window: 8))
        let warned = try Command.run("inspect", "--verify", model.path, "--json").object()
        #expect(warned["warnings"] == .integer(2))
        let arguments = ["inspect", "--verify", model.path, "--fix-metadata", "--profile", "fastdms", "--json"]
        let fixed = try Command.run(arguments, input: []).object()
        #expect(fixed["warnings"] == .integer(0))
        #expect(fixed["added"]?.arrayValue?.isEmpty == false)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: model.folder.file("dms_metadata.json")))
        #expect(try Command.run(arguments, input: []).object()["added"] == .array([]))
        #expect(try Data(contentsOf: URL(fileURLWithPath: model.folder.file("dms_metadata.json"))) == bytes)
        let text = try Command.run("inspect", "--verify", model.path, "--fix-metadata")
        #expect(text.output.contains("nothing is missing, nothing was written"))
    }

    @Test("another value than a stated one is an error that names both, and nothing is written")
    func contradiction() throws {
        let model = try TinyFolder(dms: TinyFolder.metadata(window: 8))
        let before = try Data(contentsOf: URL(fileURLWithPath: model.folder.file("dms_metadata.json")))
        let result = try Command.run(
            "inspect", "--verify", model.path, "--fix-metadata", "--profile", "fastdms", "--window-size", "9")
        #expect(result.status == 1)
        #expect(result.output.isEmpty)
        #expect(
            result.error.hasPrefix(
                "dms: error: command line: key \"--window-size\": found 9; required: 8, as stated by"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: model.folder.file("dms_metadata.json"))) == before)
    }

    @Test("the template of chats and the log of the training are looked at, too")
    func further() throws {
        let model = try TinyFolder()
        try model.folder.write(#"{"chat_template": "x"}"#, to: "tokenizer_config.json")
        try model.folder.write("{}", to: "training_log.json")
        let findings = try Command.run("inspect", "--verify", model.path, "--json").object()["findings"]?.arrayValue
        let warned = findings?.compactMap(\.objectValue).filter { $0["severity"] == .string("warning") }
        #expect(warned?.compactMap { $0["check"]?.stringValue } == ["chat", "training"])
    }

    @Test(
        "options that do not go together end with status 64",
        arguments: [
            ["x"], ["--quick"], ["--fix-metadata"], ["--profile", "fastdms"], ["--window-size", "8"],
            ["--verify", "x", "--model", "y"], ["--verify", "--output", "a.html"], ["--verify", "--prompt", "a"],
            ["--verify", "--fix-metadata"], ["--verify", "x", "--quick", "--fix-metadata"],
            ["--verify", "x", "--window-size", "8"], ["--verify", "x", "--fix-metadata", "--profile", "other"],
            ["--verify", "x", "--fix-metadata", "--alpha-scale", "0"],
            ["--verify", "x", "--fix-metadata", "--window-size=-1"], ["--verify", "--threads", "2"],
        ])
    func contradictory(arguments: [String]) throws {
        let result = try Command.run(["inspect"] + arguments, input: [])
        #expect(result.status == 64)
        #expect(result.output.isEmpty)
        #expect(result.error.hasPrefix("dms: error: "))
    }
}
