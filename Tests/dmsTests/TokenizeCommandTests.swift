import DMSJSON
import DMSTestSupport
import Testing

@Suite("dms tokenize")
struct TokenizeCommandTests {
    @Test("ids and text, plain and as JSON")
    func roundTrip() throws {
        let model = try TinyFolder()
        let hello: Int64 = 261
        let expected = [0, hello, Int64(ByteTokenizer.id(of: 0x0A))]
        let plain = try Command.run("tokenize", "--model", model.path, input: "hello\n")
        #expect(plain.output == expected.map(String.init).joined(separator: " ") + "\n")
        let json = try Command.run("tokenize", "--model", model.path, "--json", input: "hello\n").object()
        #expect(json.keys == ["ids"])
        #expect(json["ids"] == .array(expected.map { .integer($0) }))
        let bare = try Command.run("tokenize", "--model", model.path, "--no-special-tokens", input: "hello")
        #expect(bare.output == "\(hello)\n")
        for ids in ["0 261 12", "0,261,12", "[0, 261, 12]", "0\n261\n12\n"] {
            let decoded = try Command.run("tokenize", "--model", model.path, "--decode", input: ids)
            #expect(decoded.output == "<|begin|>hello\n")
        }
        let skipped = try Command.run(
            "tokenize", "--model", model.path, "--decode", "--no-special-tokens", "--json", input: "0 261 12"
        ).object()
        #expect(skipped["text"] == .string("hello\n"))
        #expect(skipped.keys == ["text"])
    }

    @Test("one JSON line in, one out")
    func jsonLines() throws {
        let model = try TinyFolder()
        let encoded = try Command.run(
            "tokenize", "--model", model.path, "--json-lines", "--no-special-tokens",
            input: "\"hello\"\n\"a\\nb\"\n\"\"\n\"\u{2028}\"")
        #expect(encoded.output == "[261]\n[99,12,100]\n[]\n[228,130,170]\n")
        let decoded = try Command.run(
            "tokenize", "--model", model.path, "--json-lines", "--decode", input: "[261]\n[99,12,100]\n[]\n")
        #expect(decoded.output == "\"hello\"\n\"a\\nb\"\n\"\"\n")
    }

    @Test(
        "wrong input is an error that names the place",
        arguments: [
            (["--decode"], "1 x", "standard input"), (["--decode"], "-1", "standard input"),
            (["--decode"], "99999", "99999"), (["--decode"], "[1, \"a\"]", "standard input"),
            (["--json-lines"], "\"a\"\n5\n", "line 2"), (["--json-lines"], "\"a\"\n\n\"b\"\n", "line 2"),
            (["--json-lines", "--decode"], "[1]\n\"a\"\n", "line 2"),
        ])
    func wrongInput(options: [String], input: String, place: String) throws {
        let model = try TinyFolder()
        let result = try Command.run(["tokenize", "--model", model.path] + options, input: Array(input.utf8))
        #expect(result.status == 1)
        #expect(result.error.hasPrefix("dms: error: "))
        #expect(result.error.contains(place))
    }
}
