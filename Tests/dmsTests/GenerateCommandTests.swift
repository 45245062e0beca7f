import DMSJSON
import DMSTestSupport
import Foundation
import Testing

@Suite("dms generate")
struct GenerateCommandTests {
    private static func ids(_ object: JSONObject) -> [Int64] {
        (object["token_ids"]?.arrayValue ?? []).compactMap(\.integerValue)
    }

    @Test("the JSON object has the keys that scripts depend on")
    func json() throws {
        let model = try TinyFolder(dms: TinyFolder.metadata(window: 8))
        let result = try Command.run(
            "generate", "hello, world, hello again", "--model", model.path, "--max-tokens", "40", "--ignore-eos",
            "--json", "--threads", "1")
        #expect(result.status == 0)
        #expect(result.error.isEmpty)
        let object = try result.object()
        #expect(object.keys == ["text", "token_ids", "prompt_tokens", "finish_reason", "timings", "kv"])
        #expect(
            object["timings"]?.objectValue?.keys == [
                "load_seconds", "prefill_tokens_per_second", "decode_tokens_per_second", "time_to_first_token_seconds",
            ])
        let kv = try #require(object["kv"]?.objectValue)
        #expect(
            kv.keys == [
                "dtype", "dense_bytes", "allocated_bytes", "live_bytes", "peak_bytes", "live_ratio", "byte_ratio",
                "decision_ratio",
            ])
        #expect(object["finish_reason"] == .string("length"))
        #expect(Self.ids(object).count == 40)
        // "hello" is one token, ", world, " is nine, and a beginning-of-text token stands before all.
        #expect(object["prompt_tokens"] == .integer(18))
        #expect(kv["dtype"] == .string("bf16"))
        // The last token is never run: 57 tokens of 2 layers, 2 heads, 8 channels, keys and values of 2 bytes.
        #expect(kv["dense_bytes"] == .integer(57 * 2 * 2 * 8 * 2 * 2))
        let live = try #require(kv["live_bytes"]?.integerValue)
        let dense = try #require(kv["dense_bytes"]?.integerValue)
        #expect(live <= dense)
        let ratio = try #require(kv["live_ratio"]?.doubleValue)
        #expect(abs(ratio - Double(dense) / Double(live)) < 1e-9)
    }

    @Test("a model without a gate has a decision ratio of 1, and so has --no-evict")
    func plain() throws {
        let plain = try TinyFolder()
        let gated = try TinyFolder(dms: TinyFolder.metadata(window: 2))
        let results = try [
            Command.run("generate", "hello", "--model", plain.path, "--max-tokens", "30", "--json"),
            Command.run("generate", "hello", "--model", gated.path, "--max-tokens", "30", "--no-evict", "--json"),
        ]
        for result in results {
            let kv = try #require(try result.object()["kv"]?.objectValue)
            #expect(kv["decision_ratio"]?.doubleValue == 1)
            #expect(kv["live_ratio"]?.doubleValue == 1)
        }
    }

    @Test("text streams as it is in the JSON object, and ids do not depend on chunk, threads or where the prompt is")
    func sameEverywhere() throws {
        let model = try TinyFolder(dms: TinyFolder.metadata(window: 4))
        let options = ["--model", model.path, "--max-tokens", "24", "--precision", "fp32", "--ignore-eos"]
        let prompt = "hello there, hello"
        let base = try Command.run(["generate", prompt, "--json"] + options, input: []).object()
        let text = try #require(base["text"]?.stringValue)
        #expect(try Command.run(["generate", prompt] + options, input: []).output == text)
        for extra in [["--prefill-chunk", "1"], ["--prefill-chunk", "5"], ["--threads", "2"]] {
            let other = try Command.run(["generate", prompt, "--json"] + options + extra, input: []).object()
            #expect(other["token_ids"] == base["token_ids"])
        }
        let piped = try Command.run(["generate", "--json"] + options, input: Array(prompt.utf8)).object()
        #expect(piped["token_ids"] == base["token_ids"])
    }

    @Test("guesses change neither ids nor text nor the session's file, and are counted")
    func speculation() throws {
        let model = try TinyFolder(dms: TinyFolder.metadata(window: 4))
        func run(_ session: String, _ options: [String]) throws -> JSONObject {
            let fixed = [
                "generate", "hello, hello, hello", "--model", model.path, "--max-tokens", "60", "--ignore-eos",
                "--json", "--session", model.path + "/" + session,
            ]
            return try Command.run(fixed + options, input: []).object()
        }
        func file(_ name: String) -> Data? { FileManager.default.contents(atPath: model.path + "/" + name) }
        let plain = try run("plain", [])
        #expect(plain["speculation"] == nil)
        for draft in ["1", "7"] {
            let guessed = try run("guessed-" + draft, ["--speculate", draft])
            #expect(guessed["token_ids"] == plain["token_ids"] && guessed["text"] == plain["text"])
            #expect(file("guessed-" + draft) == file("plain") && file("plain") != nil)
            let counts = try #require(guessed["speculation"]?.objectValue)
            #expect(counts.keys == ["proposed_tokens", "accepted_tokens", "decode_passes"])
            let accepted = try #require(counts["accepted_tokens"]?.integerValue)
            #expect(try #require(counts["proposed_tokens"]?.integerValue) >= accepted)
            #expect(counts["decode_passes"] == .integer(59 - accepted) && accepted > 0)
        }
    }

    @Test("seeds repeat and differ; temperature 0 is greedy")
    func sampling() throws {
        let model = try TinyFolder(
            generation: JSONObject(["do_sample": .bool(true), "temperature": .number(0.9), "top_p": .number(0.95)]))
        func ids(_ options: String...) throws -> [Int64] {
            let arguments = [
                "generate", "hello", "--model", model.path, "--max-tokens", "16", "--json", "--ignore-eos",
            ]
            return Self.ids(try Command.run(arguments + options, input: []).object())
        }
        let recommended = try ids("--seed", "1")
        #expect(try ids("--seed", "1") == recommended)
        #expect(try ids("--seed", "2") != recommended)
        #expect(try ids("--seed", "1", "--temperature", "0.9", "--top-p", "0.95", "--top-k", "0") == recommended)
        let greedy = try ids("--temperature", "0")
        #expect(try ids("--temperature", "0", "--seed", "9") == greedy)
        #expect(try ids("--top-k", "1", "--seed", "3") == greedy)
        #expect(recommended != greedy)
    }

    @Test("a stop string ends the text before it, and its tokens are in the ids")
    func stopString() throws {
        let model = try TinyFolder()
        let options = ["--model", model.path, "--max-tokens", "40", "--ignore-eos", "--json"]
        let all = try Command.run(["generate", "hello"] + options, input: []).object()
        let text = try #require(all["text"]?.stringValue)
        let characters = Array(text.unicodeScalars)
        try #require(characters.count > 8)
        let stop = String(String.UnicodeScalarView(characters[4..<6]))
        let stopped = try Command.run(["generate", "hello", "--stop", stop] + options, input: []).object()
        let prefix = try #require(stopped["text"]?.stringValue)
        #expect(stopped["finish_reason"] == .string("stop_string"))
        #expect(text.utf8.starts(with: prefix.utf8))
        #expect(text.utf8.dropFirst(prefix.utf8.count).starts(with: stop.utf8))
        let ids = Self.ids(stopped)
        #expect(ids.count < 40)
        #expect(Self.ids(all).starts(with: ids))
    }

    @Test("text by a JSON schema, and any JSON object")
    func constraint() throws {
        let model = try TinyFolder()
        let schema =
            #"{"type":"object","properties":{"a":{"enum":["x","y"]},"b":{"type":"boolean"}},"required":["a","b"]}"#
        try model.folder.write(schema, to: "schema.json")
        let file = model.path + "/schema.json"
        let options = ["--model", model.path, "--max-tokens", "200"]
        let object = try Command.run(
            ["generate", "hello", "--json-schema", file, "--json"] + options, input: []
        ).object()
        #expect(object["finish_reason"] == .string("stop"))
        let text = try #require(object["text"]?.stringValue)
        let value = try #require(try JSONReader.parse(text).objectValue)
        #expect(value.keys == ["a", "b"] && value["b"]?.boolValue != nil)
        #expect(try Command.run(["generate", "hello", "--json-schema", file] + options, input: []).output == text)
        let sampled = try Command.run(
            ["generate", "hello", "--json-schema", file, "--temperature", "2", "--seed", "5"] + options, input: [])
        #expect(try JSONReader.parse(sampled.output).objectValue?.keys == ["a", "b"])
        let any = try Command.run(["generate", "hello", "--json-object"] + options, input: [])
        #expect(any.status == 0 && any.output.hasPrefix("{"))
    }

    @Test("constraints that cannot be had are refused: beside others with status 64, for what they hold with status 1")
    func wrongConstraint() throws {
        let model = try TinyFolder()
        try model.folder.write(#"{"type":"object","properties":{"a":{"oneOf":[]}}}"#, to: "schema.json")
        try model.folder.write("{", to: "broken.json")
        func run(_ options: String...) throws -> Command.Result {
            try Command.run(["generate", "hello", "--model", model.path] + options, input: [])
        }
        let unknown = try run("--json-schema", model.path + "/schema.json")
        #expect(unknown.status == 1)
        #expect(unknown.error.contains("schema.json: schema at /properties/a: found the keyword"))
        #expect(try run("--json-schema", model.path + "/broken.json").status == 1)
        #expect(try run("--json-schema", model.path + "/missing.json").status == 1)
        #expect(try run("--json-schema", model.path + "/schema.json", "--json-object").status == 64)
        #expect(try run("--json-object", "--ignore-eos").status == 64)
    }

    @Test("positions end where the model's do, and longer prompts are refused")
    func contextLimit() throws {
        let model = try TinyFolder(maximumPositions: 12)
        let options = ["--model", model.path, "--ignore-eos", "--json"]
        let result = try Command.run(["generate", "abcdefgh"] + options, input: []).object()
        #expect(result["finish_reason"] == .string("context_limit"))
        #expect(Self.ids(result).count == 4)
        let refused = try Command.run(["generate", "abcdefghijkl"] + options, input: [])
        #expect(refused.status == 1)
        #expect(refused.error.contains("found 13 tokens, required at most 12"))
    }

    @Test("going past the gates' training length is a warning")
    func warning() throws {
        let model = try TinyFolder(dms: TinyFolder.metadata(window: 4, contextLength: 16))
        let long = try Command.run("generate", "hello", "--model", model.path, "--max-tokens", "15")
        #expect(long.status == 0)
        #expect(long.error.contains("dms: warning:"))
        #expect(long.error.contains("context_len"))
        let short = try Command.run("generate", "hello", "--model", model.path, "--max-tokens", "14")
        #expect(short.error.isEmpty)
    }

    @Test("golden greedy continuations", .enabled(if: SharedFiles.areAvailable))
    func golden() throws {
        let cases = try readJSON(SharedFiles.path("fixtures/greedy.json")).arrayValue ?? []
        #expect(cases.count == 4)
        for golden in cases.compactMap(\.objectValue) {
            let result = try Command.run(
                "generate", golden["prompt"]?.stringValue ?? "", "--model", SharedFiles.path("models/wiki-llama-8m"),
                "--temperature", "0", "--max-tokens", "48", "--precision", "fp32", "--json"
            ).object()
            #expect(result["token_ids"] == golden["new_ids"])
            #expect(result["text"] == golden["text"])
        }
    }
}
