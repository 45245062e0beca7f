import DMSJSON
import DMSTestSupport
import DMSTokenizer
import Testing

/// Files that must be refused by name.
@Suite struct HostileTokenizerTests {
    private func refusal(_ change: (inout JSONObject) -> Void) -> String {
        var file = TinyTokenizer.file()
        change(&file)
        do {
            _ = try TinyTokenizer.make(file)
            return "accepted"
        } catch {
            return "\(error)"
        }
    }

    private func model(_ change: (inout JSONObject) -> Void) -> String {
        refusal { file in
            var model = file["model"]?.objectValue ?? JSONObject()
            change(&model)
            file["model"] = .object(model)
        }
    }

    @Test func otherKindsAreNamed() {
        #expect(model { $0["type"] = .string("Unigram") }.contains("\"Unigram\""))
        #expect(model { $0["byte_fallback"] = .bool(true) }.contains("byte_fallback"))
        #expect(model { $0["unk_token"] = .string("<unk>") }.contains("unk_token"))
        #expect(model { $0["dropout"] = .number(0.1) }.contains("dropout"))
        #expect(model { $0["surprise"] = .integer(1) }.contains("model.surprise"))
        #expect(refusal { $0["normalizer"] = .object(JSONObject(["type": .string("NFKC")])) }.contains("NFKC"))
        #expect(
            refusal {
                $0["normalizer"] = .object(JSONObject(["type": .string("NFC"), "surprise": .null]))
            }.contains("surprise"))
        #expect(
            refusal {
                let digits = JSONObject(["type": .string("Digits"), "individual_digits": .bool(false)])
                $0["pre_tokenizer"] = .object(
                    JSONObject([
                        "type": .string("Sequence"),
                        "pretokenizers": .array([
                            .object(digits),
                            .object(
                                JSONObject(["type": .string("ByteLevel"), "add_prefix_space": .bool(false)])),
                        ]),
                    ]))
            }.contains("individual_digits"))
        #expect(refusal { $0["decoder"] = .object(JSONObject(["type": .string("WordPiece")])) }.contains("WordPiece"))
        #expect(refusal { $0["pre_tokenizer"] = .null }.contains("pre_tokenizer"))
        #expect(
            refusal { $0["pre_tokenizer"] = .object(JSONObject(["type": .string("Metaspace")])) }.contains("Metaspace"))
        #expect(
            refusal { $0["post_processor"] = .object(JSONObject(["type": .string("BertProcessing")])) }
                .contains("BertProcessing"))
        #expect(refusal { $0["extra"] = .null }.contains("\"extra\""))
        #expect(refusal { $0["version"] = .string("2.0") }.contains("\"2.0\""))
        #expect(refusal { $0["decoder"] = .null }.contains("decoder"))
        #expect(refusal { $0["model"] = .array([]) }.contains("a list"))
    }

    @Test func otherPreTokenizersAreNamed() {
        func preTokenizer(_ steps: [JSONObject]) -> String {
            refusal { file in
                let steps = steps.map(JSONValue.object)
                file["pre_tokenizer"] = .object(
                    JSONObject(["type": .string("Sequence"), "pretokenizers": .array(steps)]))
            }
        }
        func split(_ changes: KeyValuePairs<String, JSONValue>) -> String {
            var split = TinyTokenizer.split
            for (key, value) in changes { split[key] = value }
            return preTokenizer([split, TinyTokenizer.byteLevel])
        }
        func byteLevel(_ changes: KeyValuePairs<String, JSONValue>) -> String {
            var byteLevel = TinyTokenizer.byteLevel
            for (key, value) in changes { byteLevel[key] = value }
            return preTokenizer([TinyTokenizer.split, byteLevel])
        }
        #expect(preTokenizer([TinyTokenizer.split, TinyTokenizer.byteLevel]) == "accepted")
        #expect(preTokenizer([TinyTokenizer.split]).contains("steps \"Split\""))
        #expect(preTokenizer([]).contains("steps"))
        #expect(split(["behavior": .string("Removed")]).contains("Removed"))
        #expect(split(["invert": .bool(true)]).contains("invert true"))
        #expect(split(["pattern": .object(JSONObject(["Regex": .string("\\w+")]))]).contains("w+"))
        #expect(split(["pattern": .object(JSONObject(["String": .string(" ")]))]).contains("String"))
        #expect(split(["surprise": .null]).contains("\"surprise\""))
        #expect(byteLevel(["add_prefix_space": .bool(true)]).contains("add_prefix_space true"))
        #expect(byteLevel(["use_regex": .bool(true)]).contains("use_regex true"))
        #expect(
            refusal { $0["pre_tokenizer"] = .object(TinyTokenizer.byteLevel) }.contains("use_regex false"),
            "nothing would split")
    }

    @Test func brokenTemplates() {
        func template(_ change: (inout JSONObject) -> Void) -> String {
            refusal { file in
                var template = file["post_processor"]?.objectValue ?? JSONObject()
                change(&template)
                file["post_processor"] = .object(template)
            }
        }
        func definition(_ ids: [JSONValue], _ tokens: [JSONValue]) -> String {
            template { template in
                let entry = JSONObject(["ids": .array(ids), "tokens": .array(tokens)])
                template["special_tokens"] = .object(JSONObject(["<|begin|>": .object(entry)]))
            }
        }
        func item(_ kind: String, _ id: String) -> JSONValue {
            .object(JSONObject([kind: .object(JSONObject(["id": .string(id)]))]))
        }
        #expect(definition([.integer(300)], [.string("<|begin|>")]) == "accepted")
        #expect(definition([.integer(300)], [.string("<|end|>")]).contains("<|end|>"))
        #expect(definition([.integer(300)], []).contains("0 tokens and 1 ids"))
        #expect(definition([.integer(290)], [.string("<|begin|>")]).contains("290"))
        #expect(definition([.integer(-1)], [.string("<|begin|>")]).contains("-1"))
        #expect(definition([.integer(1 << 40)], [.string("<|begin|>")]).contains("\(1 << 40)"))
        #expect(template { $0["single"] = .array([]) }.contains("0 sequences"))
        #expect(template { $0["single"] = .array([item("Sequence", "B")]) }.contains("\"B\""))
        #expect(template { $0["single"] = .array([item("SpecialToken", "x")]) }.contains("\"x\""))
        #expect(
            template { $0["single"] = .array([item("Sequence", "A"), item("Sequence", "A")]) }.contains("2 sequences"))
        #expect(template { $0["single"] = nil }.contains("single"))
        #expect(
            refusal { file in
                let twice = [JSONValue](repeating: TinyTokenizer.template, count: 2)
                file["post_processor"] = .object(
                    JSONObject(["type": .string("Sequence"), "processors": .array(twice)]))
            }.contains("two templates"))
    }

    @Test func brokenVocabularies() {
        func vocabulary(_ tokens: KeyValuePairs<String, JSONValue>) -> String {
            model { model in
                var vocabulary = model["vocab"]?.objectValue ?? JSONObject()
                for (text, id) in tokens { vocabulary[text] = id }
                model["vocab"] = .object(vocabulary)
            }
        }
        #expect(vocabulary(["new": .integer(97)]).contains("twice"))
        #expect(vocabulary(["new": .integer(-1)]).contains("-1"))
        #expect(vocabulary(["new": .integer(1 << 40)]).contains("\(1 << 40)"))
        #expect(vocabulary(["new": .string("x")]).contains("integer"))
        #expect(vocabulary(["a": .integer(299)]) == "accepted", "ids may leave gaps")
        // Tokens that are not written in the byte alphabet, which the table of bytes does not hold.
        #expect(vocabulary(["漢": .integer(299)]) == "accepted")
        #expect(vocabulary(["漢": .integer(97)]).contains("twice"))
        #expect(vocabulary(["漢": .null]).contains("漢"))
        #expect(vocabulary(["漢": .integer(299), "字": .integer(299)]).contains("twice"))
        #expect(model { $0["vocab"] = .object(JSONObject()) }.contains("byte 0"))
        #expect(model { $0["vocab"] = nil }.contains("model.vocab"))
        #expect(model { $0["merges"] = nil }.contains("model.merges"))
        #expect(model { $0["merges"] = .array([.string("q zz")]) }.contains("merge 0"))
        #expect(model { $0["merges"] = .array([.string("qz")]) }.contains("without a blank"))
        #expect(model { $0["merges"] = .array([.string("q z")]) }.contains("result is no token"))
        #expect(model { $0["merges"] = .array([.string("q ")]) }.contains("merge 0"))
        #expect(model { $0["merges"] = .array([.string("t h e")]) }.contains("h e"))
        #expect(model { $0["merges"] = .array([.array([.string("q")])]) }.contains("1 tokens"))
        #expect(model { $0["merges"] = .array([.array([.string("a"), .integer(1)])]) }.contains("a string"))
        #expect(model { $0["merges"] = .object(JSONObject()) }.contains("no list"))
        #expect(model { $0["vocab"] = .array([]) }.contains("no object"))
        #expect(model { $0["ignore_merges"] = .integer(1) }.contains("ignore_merges"))
    }

    @Test func brokenAddedTokens() {
        func added(_ token: JSONValue) -> String { refusal { $0["added_tokens"] = .array([token]) } }
        #expect(added(TinyTokenizer.added(97, "<|x|>")).contains("id 97"))
        #expect(added(TinyTokenizer.added(-4, "<|x|>")).contains("added token"))
        #expect(added(TinyTokenizer.added(300, "")).contains("added token"))
        #expect(added(TinyTokenizer.added(300, "<|x|>", changes: ["single_word": .bool(true)])).contains("single_word"))
        #expect(added(TinyTokenizer.added(300, "<|x|>", changes: ["lstrip": .integer(1)])).contains("lstrip 1"))
        #expect(added(TinyTokenizer.added(300, "<|x|>", changes: ["special": nil])).contains("special absent"))
        #expect(added(TinyTokenizer.added(300, "<|x|>", changes: ["odd": .null])).contains("\"odd\""))
        #expect(added(TinyTokenizer.added(300, "the")).contains("its id in model.vocab"))
        #expect(added(.string("<|x|>")).contains("<|x|>"))
        #expect(
            refusal { file in
                file["added_tokens"] = .array([TinyTokenizer.added(300, "<|x|>"), TinyTokenizer.added(300, "<|y|>")])
            }.contains("id 300"))
        #expect(
            refusal { file in
                file["added_tokens"] = .array([TinyTokenizer.added(300, "<|x|>"), TinyTokenizer.added(301, "<|x|>")])
            }.contains("twice"))
        #expect(
            refusal { $0["added_tokens"] = .array([]) }.contains("300"), "the template names a token that is not there")
    }

    @Test func truncatedAtAnyByte() {
        let text = Array(JSONValue.object(TinyTokenizer.file()).text().utf8)
        for length in stride(from: 0, to: text.count - 1, by: 7) {
            #expect(throws: TokenizerError.self) { try Tokenizer(json: Array(text[..<length])) }
        }
    }

    /// Whatever a file says, it is read or refused: it neither traps nor hangs.
    @Test func damagedAnywhere() {
        let text = Array(JSONValue.object(TinyTokenizer.file()).text().utf8)
        var generator = SeededGenerator(seed: 11)
        var refused = 0
        for _ in 0..<300 {
            var damaged = text
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let index = Int.random(in: 0..<damaged.count, using: &generator)
                damaged[index] = Bool.random(using: &generator) ? .random(in: 0...255, using: &generator) : 0x39
            }
            do throws(TokenizerError) {
                _ = try Tokenizer(json: damaged).encode("the 12 aaa<|end|>")
            } catch {
                refused += 1
            }
        }
        #expect(refused > 100)
    }

    @Test func deepNestingAndMissingFiles() {
        let deep = Array((String(repeating: "[", count: 100_000)).utf8)
        #expect(throws: TokenizerError.self) { try Tokenizer(json: deep) }
        #expect(throws: TokenizerError.self) { try Tokenizer(file: "/nonexistent/tokenizer.json") }
        #expect(throws: TokenizerError.self) { try Tokenizer(file: "/") }
    }
}
