import DMSJSON
import DMSTestSupport
import DMSTokenizer
import Testing

@Suite struct TokenizerTests {
    private func pieces(_ text: String) throws -> [String] {
        let tokenizer = try TinyTokenizer.make()
        return try tokenizer.encode(text, addSpecialTokens: false).map { try tokenizer.decode([$0]) }
    }

    @Test func mergesInOrderOfRank() throws {
        #expect(try pieces("the her") == ["the", " ", "h", "er"])
        #expect(try pieces("see the") == ["s", "e", "e", " the"])
        #expect(try pieces("aaaaaaa") == ["aaaa", "aa", "a"])
        #expect(try pieces("1212") == ["12", "1", "2"], "digits are cut in threes before anything merges")
    }

    @Test func wholePiecesSkipTheMergesWhereTheFileSaysSo() throws {
        #expect(try pieces("whole") == ["whole"])
        let tokenizer = try TinyTokenizer.make(TinyTokenizer.file(ignoreMerges: false))
        #expect(tokenizer.encode("whole", addSpecialTokens: false).count == 5)
    }

    @Test func whiteSpace() throws {
        #expect(try pieces("a   b") == ["a", "  ", " ", "b"], "the last blank goes with the word")
        #expect(try pieces("a  \n\n b") == ["a", "  ", "\n\n", " ", "b"])
        #expect(try pieces("    ") == ["    "])
        #expect(try pieces("!\n\n") == ["!", "\n\n"])
    }

    @Test func specialTokens() throws {
        let tokenizer = try TinyTokenizer.make()
        #expect(tokenizer.encode("a<|end|>b") == [300, 97, 301, 98])
        #expect(tokenizer.prefixIDs == [300])
        #expect(!tokenizer.encode("<|end|>", addSpecialTokens: false, parseSpecialTokens: false).contains(301))
        #expect(try tokenizer.decode([300, 97, 301]) == "<|begin|>a<|end|>")
        #expect(try tokenizer.decode([300, 97, 301], skipSpecialTokens: true) == "a")
        #expect(tokenizer.isSpecial(301) && !tokenizer.isSpecial(97) && !tokenizer.isSpecial(-1))
        #expect(tokenizer.specialTokenIDs == [300, 301])
        #expect(tokenizer.vocabularySize == 302)
    }

    @Test func tokensByTheirText() throws {
        var file = TinyTokenizer.file()
        // "é" in two spellings, which are equal as strings and different tokens.
        let more = ["\u{E9}~", "e\u{301}~"].enumerated().map {
            TinyTokenizer.added(302 + Int64($0.offset), $0.element, special: false)
        }
        file["added_tokens"] = .array((file["added_tokens"]?.arrayValue ?? []) + more)
        let tokenizer = try TinyTokenizer.make(file)
        #expect(tokenizer.id(of: "<|end|>") == 301)
        #expect(tokenizer.id(of: "Ġthe") == tokenizer.encode(" the", addSpecialTokens: false)[0])
        #expect(tokenizer.id(of: " the") == nil && tokenizer.id(of: "") == nil && tokenizer.id(of: "nothing") == nil)
        #expect(tokenizer.id(of: "\u{E9}~") == 302 && tokenizer.id(of: "e\u{301}~") == 303)
        #expect(tokenizer.encode("\u{E9}~e\u{301}~", addSpecialTokens: false) == [302, 303])
        #expect(tokenizer.bytes(of: 301) == Array("<|end|>".utf8) && tokenizer.bytes(of: 290) == nil)
        #expect(tokenizer.vocabularySize == 304)
    }

    /// Merges may come before the vocabulary, and the model before everything else.
    @Test func sectionsInAnyOrder() throws {
        func reversed(_ object: JSONObject) -> JSONObject {
            object.entries.reversed().reduce(into: JSONObject()) { $0[$1.key] = $1.value }
        }
        var file = TinyTokenizer.file()
        let model = try #require(file["model"]?.objectValue)
        file["model"] = .object(reversed(model))
        let tokenizer = try TinyTokenizer.make(reversed(file))
        #expect(tokenizer.encode("see the<|end|>") == (try TinyTokenizer.make()).encode("see the<|end|>"))
    }

    @Test func idsThatNoTokenHas() throws {
        let tokenizer = try TinyTokenizer.make()
        for id in [-1, 290, 302, .max] as [Int32] {
            #expect(throws: TokenizerError.self) { try tokenizer.decode([id]) }
            var stream = StreamingDetokenizer(tokenizer)
            #expect(stream.append(id) == "")
        }
    }

    @Test func everyTextComesBack() throws {
        let tokenizer = try TinyTokenizer.make()
        var generator = SeededGenerator(seed: 4)
        let alphabet = Array("theaa 12'sſ\n\r\t\u{00A0}\u{2028}é漢😀🏽\u{0301}<|end|>\u{0}~-_١²Ⅷ").map(String.init)
        for length in 0..<200 {
            let text = (0..<length).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] }
                .joined()
            let ids = tokenizer.encode(text)
            #expect(try tokenizer.decode(ids.dropFirst()) == text)
            var stream = StreamingDetokenizer(tokenizer, skipSpecialTokens: false)
            var streamed = ""
            for id in ids.dropFirst() {
                let piece = stream.append(id)
                #expect(!piece.contains("\u{FFFD}"), "half a character was emitted")
                streamed += piece
            }
            #expect(streamed + stream.finish() == text)
        }
    }

    @Test func anyBytesStreamAsTheyDecode() throws {
        let tokenizer = try TinyTokenizer.make()
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<2000 {
            let ids = (0..<Int.random(in: 1...9, using: &generator)).map { _ in
                // Mostly bytes that can begin or continue a character.
                Int32.random(in: Bool.random(using: &generator) ? 0x80...0xFF : 0...0xFF, using: &generator)
            }
            var stream = StreamingDetokenizer(tokenizer, skipSpecialTokens: false)
            let text = ids.map { stream.append($0) }.joined() + stream.finish()
            #expect(try Array(tokenizer.decode(ids).unicodeScalars) == Array(text.unicodeScalars))
        }
    }

    /// Bytes are held back only while they can still become a character.
    @Test func streamsWhatIsCertain() throws {
        var stream = StreamingDetokenizer(try TinyTokenizer.make())
        func feed(_ bytes: [Int32]) -> [String] { bytes.map { stream.append($0) } }
        #expect(feed([0xF0, 0x9F, 0x98, 0x80]) == ["", "", "", "😀"])
        #expect(feed([0xE2, 0x82, 0x41]) == ["", "", "\u{FFFD}A"])
        #expect(feed([0xE0, 0x80]) == ["", "\u{FFFD}\u{FFFD}"], "an overlong form is never completed")
        #expect(feed([0xED, 0xA0]) == ["", "\u{FFFD}\u{FFFD}"], "nor is a surrogate")
        #expect(feed([0xF4, 0x90]) == ["", "\u{FFFD}\u{FFFD}"], "nor what is above U+10FFFF")
        #expect(feed([0xC1, 0x80, 0xFF]) == ["\u{FFFD}", "\u{FFFD}", "\u{FFFD}"])
        #expect(feed([0xC3]) == [""] && stream.finish() == "\u{FFFD}" && stream.finish() == "")
    }

    /// Quadratic merging would take minutes for each of these.
    @Test(.timeLimit(.minutes(1)), arguments: ["a", "_", " ", "7", "\n", "😀", "\u{0301}", "<", "'"])
    func longRunsOfOneCharacter(_ character: String) throws {
        let tokenizer = try TinyTokenizer.make()
        let text = String(repeating: character, count: (1 << 17) / character.utf8.count)
        let ids = tokenizer.encode(text, addSpecialTokens: false)
        #expect(try tokenizer.decode(ids) == text)
    }

    @Test(.timeLimit(.minutes(1)))
    func longRunsOfAddedTokensThatSwallowBlanks() throws {
        var file = TinyTokenizer.file()
        let blank = TinyTokenizer.added(302, " ~", changes: ["lstrip": .bool(true), "rstrip": .bool(true)])
        file["added_tokens"] = .array((file["added_tokens"]?.arrayValue ?? []) + [blank])
        let tokenizer = try TinyTokenizer.make(file)
        let blanks = String(repeating: " ", count: 1 << 12)
        let text = String(repeating: blanks + "~" + blanks, count: 8)
        #expect(tokenizer.encode(text, addSpecialTokens: false) == [Int32](repeating: 302, count: 8))
    }

    /// Short pieces are scanned and long ones go through a heap; both against the definition.
    @Test func mergesAsDefined() throws {
        let tokenizer = try TinyTokenizer.make(TinyTokenizer.file(ignoreMerges: false))
        var generator = SeededGenerator(seed: 6)
        let letters = Array("aaaatheer").map(String.init)
        for _ in 0..<300 {
            let length = Int.random(in: 1...90, using: &generator)
            let word = (0..<length).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] }.joined()
            let found = try tokenizer.encode(word, addSpecialTokens: false).map { try tokenizer.decode([$0]) }
            #expect(found == Self.merged(word))
        }
    }

    /// Merges the leftmost pair of the lowest rank until there is none.
    private static func merged(_ word: String) -> [String] {
        var tokens = word.map(String.init)
        while true {
            let ranked = tokens.indices.dropLast().compactMap { index in
                TinyTokenizer.merges.firstIndex { $0 == (tokens[index], tokens[index + 1]) }.map { ($0, index) }
            }
            guard let (_, index) = ranked.min(by: <) else { return tokens }
            tokens[index] += tokens.remove(at: index + 1)
        }
    }
}
