import DMSJSON
import DMSTestSupport
import DMSTokenizer
import Testing

@testable import DMSGrammar

/// Several texts by one grammar, which share what is found out.
@Suite("Shared grammars")
struct SharingTests {
    /// Two strings of bounded length, each character of which is a place of its own.
    private static let schema =
        #"{"type":"array","items":{"type":"string","maxLength":4096},"minItems":2,"maxItems":2}"#

    @Test("Texts in turn are allowed what each would be by itself, also when states are forgotten in between")
    func turns() throws {
        let grammar = try Grammar(schema: JSONReader.parse(Self.schema))
        let walk = GrammarWalk()
        let shared = TokenGrammar(grammar, walk.index)
        let table = shared.states
        func constraint(_ grammar: TokenGrammar) -> OutputConstraint {
            OutputConstraint(grammar, endTokens: [GrammarWalk.end])
        }
        var early = constraint(shared)
        var alone = constraint(TokenGrammar(grammar, walk.index))
        for byte in #"["ab"#.utf8 {
            #expect(try early.allowed() == alone.allowed())
            early.append(Int32(byte) + 1)
            alone.append(Int32(byte) + 1)
        }
        // Another text fills the table.
        var long = constraint(shared)
        for byte in "[\"".utf8 { long.append(Int32(byte) + 1) }
        for _ in 0..<4096 { long.append(Int32(UInt8(ascii: "x")) + 1) }
        _ = try long.allowed()
        #expect(shared.states !== table)
        for byte in #"c","é"]"#.utf8 {
            #expect(try early.allowed() == alone.allowed())
            early.append(Int32(byte) + 1)
            alone.append(Int32(byte) + 1)
        }
        #expect(early.isComplete && alone.isComplete)
        // And the long one has come to the end of its string.
        let rest = try long.allowed()
        #expect(rest.contains(Int32(UInt8(ascii: "\"")) + 1) && !rest.contains(Int32(UInt8(ascii: "x")) + 1))
    }

    @Test("A copy goes on by itself")
    func copies() throws {
        let walk = GrammarWalk()
        let grammar = try Grammar(schema: JSONReader.parse(#"{"enum":["ab","ac"]}"#))
        var first = OutputConstraint(TokenGrammar(grammar, walk.index), endTokens: [])
        for byte in "\"a".utf8 { first.append(Int32(byte) + 1) }
        var second = first
        first.append(Int32(UInt8(ascii: "b")) + 1)
        second.append(Int32(UInt8(ascii: "c")) + 1)
        for text in [first, second] {
            var text = text
            text.append(Int32(UInt8(ascii: "\"")) + 1)
            #expect(text.isComplete)
        }
    }

    @Test("A tokenizer's tokens: no special ones, and none that the model does not have")
    func tokenizer() throws {
        let tokenizer = try Tokenizer(json: Array(JSONValue.object(ByteTokenizer.file).text().utf8))
        let index = VocabularyIndex(tokenizer, vocabularySize: 200)
        #expect(index.vocabularySize == 200 && index.ids.count == 198)
        #expect(index.bytes(of: 0) == nil && index.bytes(of: 200) == nil && index.bytes(of: -1) == nil)
        #expect(index.bytes(of: ByteTokenizer.id(of: 0x41)).map(Array.init) == [0x41])
        let whole = VocabularyIndex(tokenizer, vocabularySize: 1000)
        #expect(whole.vocabularySize == ByteTokenizer.vocabulary.count)
        #expect(whole.bytes(of: 261).map(Array.init) == Array("hello".utf8))
    }

    @Test("Masks: tokens come and go, in ascending order")
    func masks() {
        var mask = TokenMask(vocabularySize: 130)
        for token in [129, 3, 64, 63, 3] as [Int32] { mask.insert(token) }
        mask.remove(64)
        mask.remove(5)
        var found: [Int32] = []
        mask.forEach { found.append($0) }
        #expect(found == [3, 63, 129] && mask.count == 3)
        #expect(!mask.contains(130) && !mask.contains(-1) && !mask.contains(10_000))
    }

    @Test("A bounded table forgets what was not used for the longest time")
    func recentlyUsed() {
        var table = RecentlyUsed<String, Int>(limit: 2)
        table.insert(1, for: "a")
        table.insert(2, for: "b")
        #expect(table.value(for: "a") == 1)
        table.insert(3, for: "c")
        #expect(table.value(for: "b") == nil && table.value(for: "a") == 1 && table.value(for: "c") == 3)
        table.insert(4, for: "a")
        #expect(table.count == 2 && table.value(for: "a") == 4)
    }
}
