import DMSJSON
import DMSTestSupport
import Foundation
import Testing

@Suite("dms generate --session")
struct GenerateSessionTests {
    private static func ids(_ object: JSONObject) -> [Int64] {
        (object["token_ids"]?.arrayValue ?? []).compactMap(\.integerValue)
    }

    private static func options(_ model: TinyFolder, _ more: String...) -> [String] {
        ["--model", model.path, "--ignore-eos", "--json", "--threads", "1"] + more
    }

    @Test("two calls give what one call gives, and say what they restored and saved")
    func goesOn() throws {
        let model = try TinyFolder(dms: TinyFolder.metadata(window: 8))
        let file = model.folder.file("talk")
        for type in ["fp32", "int8"] {
            let options = Self.options(model, "--kv-dtype", type)
            let whole = try Command.run(["generate", "hello, world", "--max-tokens", "40"] + options, input: [])
                .object()
            let first = try Command.run(
                ["generate", "hello, world", "--max-tokens", "15", "--session", file] + options, input: []
            ).object()
            let second = try Command.run(
                ["generate", "", "--max-tokens", "25", "--session", file] + options, input: []
            ).object()
            #expect(Self.ids(first) + Self.ids(second) == Self.ids(whole))
            let prompt = try #require(first["prompt_tokens"]?.integerValue)
            #expect(second["prompt_tokens"] == .integer(0))
            #expect(
                second["session"]
                    == .object(
                        JSONObject([
                            "restored_tokens": .integer(prompt + 15), "saved_tokens": .integer(prompt + 40),
                        ])))
            // A prompt that follows gets no beginning-of-text token.
            let third = try Command.run(
                ["generate", "hello", "--max-tokens", "3", "--session", file] + options, input: []
            ).object()
            #expect(third["prompt_tokens"] == .integer(1))
            try FileManager.default.removeItem(atPath: file)
        }
    }

    @Test("a file of something else, or a damaged one, is refused and stays as it was")
    func refusals() throws {
        let model = try TinyFolder(dms: TinyFolder.metadata(window: 8))
        let file = model.folder.file("talk")
        let made = try Command.run(["generate", "hello", "--session", file] + Self.options(model), input: [])
        #expect(made.status == 0)
        let old = try Data(contentsOf: URL(fileURLWithPath: file))
        let other = try TinyFolder(dms: TinyFolder.metadata(window: 8), seed: 2)
        let cases = [
            (Self.options(other), "key \"weights_sha256\""),
            (Self.options(model, "--no-evict"), "key \"eviction\": found model; required: off"),
            (Self.options(model, "--kv-dtype", "fp8"), "key \"kv_dtype\": found bf16; required: fp8"),
            (Self.options(model, "--precision", "fp32"), "key \"precision\": found bf16; required: fp32"),
        ]
        for (options, message) in cases {
            let result = try Command.run(["generate", "hello", "--session", file] + options, input: [])
            #expect(result.status == 1 && result.output.isEmpty)
            #expect(result.error.contains(message), "\(result.error)")
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == old)
        try old.dropLast(100).write(to: URL(fileURLWithPath: file))
        let cut = try Command.run(["generate", "hello", "--session", file] + Self.options(model), input: [])
        #expect(cut.status == 1)
        #expect(cut.error.hasPrefix("dms: error: \(file): found \(old.count - 100) bytes; required: \(old.count)"))
        let nowhere = model.folder.file("nowhere/talk")
        let unwritable = try Command.run(["generate", "hello", "--session", nowhere] + Self.options(model), input: [])
        #expect(unwritable.status == 1 && unwritable.error.contains(nowhere))
    }

    @Test("killed at any moment, the file is the old one or the new one")
    func kills() throws {
        let model = try TinyFolder(dms: TinyFolder.metadata(window: 8))
        let file = model.folder.file("talk")
        let options = ["generate", "hello", "--max-tokens", "30", "--session", file] + Self.options(model)
        let start = ContinuousClock.now
        #expect(try Command.run(options, input: []).status == 0)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        var random = SeededGenerator(seed: 1)
        for _ in 0..<12 {
            let before = try Data(contentsOf: URL(fileURLWithPath: file))
            try Command.killed(options, after: Double.random(in: 0...seconds, using: &random))
            let after = try Data(contentsOf: URL(fileURLWithPath: file))
            // A conversation only grows, so a file that is shorter is no whole one.
            #expect(after == before || after.count > before.count)
            let next = try Command.run(options, input: [])
            #expect(next.status == 0, "\(next.error)")
        }
    }
}
