import DMSJSON
import DMSTestSupport
import DMSTokenizer
import Foundation
import Testing

/// Every case of the golden files, exactly.
@Suite(.enabled(if: SharedFiles.areAvailable))
struct GoldenTokenizerTests {
    static let tokenizer = Result {
        try Tokenizer(file: SharedFiles.path("models/wiki-llama-8m/tokenizer.json"))
    }

    private func ids(_ value: JSONValue?) -> [Int32] {
        (value?.arrayValue ?? []).compactMap { $0.integerValue.map(Int32.init) }
    }

    private func utf8(_ value: JSONValue?) -> [UInt8]? { value?.stringValue.map { Array($0.utf8) } }

    private func cases(_ key: String) throws -> [JSONObject] {
        let file = try readJSON(SharedFiles.path("fixtures/tokenizer_cases.json"))
        return (file.objectValue?[key]?.arrayValue ?? []).compactMap(\.objectValue)
    }

    @Test(arguments: ["strings", "pairs"])
    func encodesAndDecodes(_ merges: String) throws {
        let tokenizer =
            merges == "strings"
            ? try Self.tokenizer.get()
            : try Tokenizer(file: SharedFiles.path("fixtures/tokenizer_list_merges.json"))
        let cases = try cases("cases")
        #expect(cases.count == 370)
        for fields in cases {
            let text = try #require(fields["text"]?.stringValue)
            #expect(tokenizer.encode(text) == ids(fields["ids"]))
            let plain = tokenizer.encode(text, addSpecialTokens: false)
            #expect(plain == ids(fields["ids_no_special"]))
            // Not as strings, for which different spellings of one character are equal.
            #expect(try Array(tokenizer.decode(plain).utf8) == utf8(fields["decoded"]))
            #expect(
                try Array(tokenizer.decode(plain, skipSpecialTokens: true).utf8) == utf8(fields["decoded_skip_special"])
            )
            #expect(try Array(tokenizer.decode(ids(fields["ids"])).utf8) == utf8(fields["decoded_with_bos"]))
        }
    }

    @Test func decodesTornCharactersWholeAndStreamed() throws {
        let tokenizer = try Self.tokenizer.get()
        let cases = try cases("decode_cases")
        #expect(cases.count == 260)
        for fields in cases {
            let ids = ids(fields["ids"])
            let expected = try #require(fields["decoded"]?.stringValue)
            #expect(try Array(tokenizer.decode(ids).utf8) == Array(expected.utf8))
            #expect(
                try Array(tokenizer.decode(ids, skipSpecialTokens: true).utf8) == utf8(fields["decoded_skip_special"]))
            var stream = StreamingDetokenizer(tokenizer, skipSpecialTokens: false)
            let text = ids.map { stream.append($0) }.joined() + stream.finish()
            #expect(Array(text.unicodeScalars) == Array(expected.unicodeScalars))
        }
    }

    @Test func encodesAWholeCorpus() throws {
        let tokenizer = try Self.tokenizer.get()
        let golden = try #require(try readJSON(SharedFiles.path("fixtures/valid_ids.json")).objectValue)
        let text = try String(contentsOfFile: SharedFiles.path("data/wikitext-2/valid.txt"), encoding: .utf8)
        let found = tokenizer.encode(text, addSpecialTokens: false)
        #expect(found.count == golden["total_tokens"]?.integerValue.map { Int($0) })
        #expect(Array(found.prefix(1024)) == ids(golden["first_1024_ids"]))
        #expect(try Array(tokenizer.decode(found).utf8) == Array(text.utf8))
        let bytes = found.flatMap { id in withUnsafeBytes(of: id.littleEndian) { Array($0) } }
        #expect(SHA256.hexadecimal(of: bytes) == golden["sha256_int32le"]?.stringValue)
    }

    /// The real vocabulary of 128,256 tokens: known ids, and bytes for every token.
    @Test func loadsTheVocabularyOfLlama3() throws {
        let tokenizer = try Tokenizer(file: SharedFiles.path("tokenizers/llama-3/tokenizer.json"))
        #expect(tokenizer.vocabularySize == 128_256)
        #expect(tokenizer.prefixIDs == [128_000] && tokenizer.suffixIDs == [])
        #expect(tokenizer.specialTokenIDs == Set(128_000..<128_256))
        #expect(
            tokenizer.encode("Hello, world!\n\n1234<|eot_id|>")
                == [128_000, 9906, 11, 1917, 2268, 4513, 19, 128_009])
        #expect(tokenizer.id(of: "Ġthe") == 279 && tokenizer.id(of: "<|eot_id|>") == 128_009)
        #expect((0..<Int32(128_256)).allSatisfy { tokenizer.bytes(of: $0) != nil })
    }
}
