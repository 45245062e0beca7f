import DMSJSON
import DMSTestSupport
import DMSTokenizer
import Foundation
import Testing

/// What the reference library makes of awkward texts with a made-up vocabulary: `Tests/Goldens`, written by the script
/// there.
@Suite struct CommittedGoldenTests {
    struct Case {
        let text: String
        let ids: [Int32]
        let unparsed: [Int32]
        let decoded: String
        let skipped: String

        init(_ object: JSONObject) throws {
            text = object["text"]?.stringValue ?? ""
            ids = try #require(object["ids"]).ids
            unparsed = object["unparsed"]?.ids ?? []
            decoded = try #require(object["decoded"]?.stringValue)
            skipped = try #require(object["skipped"]?.stringValue)
        }
    }

    static let file = Result {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return try #require(readJSON(folder.appendingPathComponent("Goldens/tokenizer_cases.json").path).objectValue)
    }

    private func variant(_ name: String) throws -> JSONObject {
        try #require(Self.file.get()["variants"]?.objectValue?[name]?.objectValue)
    }

    private func tokenizer(_ name: String) throws -> Tokenizer {
        var file = try #require(Self.file.get()["file"]?.objectValue)
        let sections = try #require(variant(name)["sections"]?.objectValue)
        for (key, value) in sections.entries { file[key] = value }
        return try TinyTokenizer.make(file)
    }

    private func cases(_ name: String, _ key: String) throws -> [Case] {
        try #require(variant(name)[key]?.arrayValue).map { try Case(#require($0.objectValue)) }
    }

    @Test(arguments: ["llama3", "qwen2", "gpt2", "added", "qwen3", "smollm"])
    func encodes(_ name: String) throws {
        let tokenizer = try tokenizer(name)
        let cases = try cases(name, "cases")
        #expect(cases.count >= 50)
        for golden in cases {
            #expect(tokenizer.encode(golden.text) == golden.ids, "\(golden.text.debugDescription)")
            let unparsed = tokenizer.encode(golden.text, addSpecialTokens: false, parseSpecialTokens: false)
            #expect(unparsed == golden.unparsed, "\(golden.text.debugDescription)")
            try expectDecoding(golden, tokenizer)
        }
    }

    @Test(arguments: ["llama3", "added"])
    func decodesWhateverIdsComeInWhole(_ name: String) throws {
        let tokenizer = try tokenizer(name)
        let cases = try cases(name, "decode_cases")
        #expect(cases.count >= 100)
        for golden in cases { try expectDecoding(golden, tokenizer) }
    }

    /// Decoding gives what was encoded, which is the normalised text.
    @Test func normalizes() throws {
        var file = try #require(Self.file.get()["file"]?.objectValue)
        file["normalizer"] = .object(JSONObject(["type": .string("NFC")]))
        let tokenizer = try TinyTokenizer.make(file)
        let cases = try #require(Self.file.get()["normalized"]?.arrayValue)
        #expect(cases.count == 300)
        var changed = 0
        for golden in cases {
            let pair = try #require(golden.arrayValue).compactMap(\.stringValue)
            let found = try tokenizer.decode(tokenizer.encode(pair[0], addSpecialTokens: false))
            #expect(Array(found.utf8) == Array(pair[1].utf8), "\(pair[0].unicodeScalars.map(\.value))")
            if Array(pair[0].utf8) != Array(pair[1].utf8) { changed += 1 }
        }
        #expect(changed > 100)
    }

    private func expectDecoding(_ golden: Case, _ tokenizer: Tokenizer) throws {
        for (skips, expected) in [(false, golden.decoded), (true, golden.skipped)] {
            let text = try tokenizer.decode(golden.ids, skipSpecialTokens: skips)
            // Not as strings, for which different spellings of one character are equal.
            #expect(Array(text.utf8) == Array(expected.utf8))
            var stream = StreamingDetokenizer(tokenizer, skipSpecialTokens: skips)
            let streamed = golden.ids.map { stream.append($0) }.joined() + stream.finish()
            #expect(Array(streamed.utf8) == Array(expected.utf8))
        }
    }
}

extension JSONValue {
    /// A list of token ids.
    fileprivate var ids: [Int32] { (arrayValue ?? []).compactMap { $0.integerValue.flatMap(Int32.init(exactly:)) } }
}
