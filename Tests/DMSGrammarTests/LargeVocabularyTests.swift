import DMSJSON
import DMSTestSupport
import DMSTokenizer
import Testing

@testable import DMSGrammar

@Suite("The vocabulary of Llama 3", .enabled(if: SharedFiles.areAvailable))
struct LargeVocabularyTests {
    @Test("masks have exactly the tokens whose bytes can be read, and a text is written with its own tokens")
    func masks() throws {
        let tokenizer = try Tokenizer(file: SharedFiles.path("tokenizers/llama-3/tokenizer.json"))
        let index = VocabularyIndex(tokenizer, vocabularySize: 128_256)
        #expect(index.ids.count == 128_000)
        let schema =
            #"{"properties":{"name":{"type":"string","maxLength":9},"n":{"type":"number"}},"required":["name","n"]}"#
        let grammar = try Grammar(schema: JSONReader.parse(schema))
        let end = try #require(tokenizer.id(of: "<|eot_id|>"))
        var constraint = OutputConstraint(TokenGrammar(grammar, index), endTokens: [end])
        var automaton = GrammarAutomaton(grammar)
        var state = automaton.start
        let tokens = tokenizer.encode(#"{"name": "Zoë  \n", "n": -12.5e3}"#, addSpecialTokens: false)
        var wrong: [Int32] = []
        for (position, token) in tokens.enumerated() {
            let mask = try constraint.allowed()
            #expect(mask.contains(token) && !mask.contains(end))
            // Everywhere would take minutes without optimisation.
            if position == 3 || position == tokens.count - 2 {
                for id in 0..<Int32(128_000) {
                    var target = state
                    for byte in tokenizer.bytes(of: id) ?? [] where target != GrammarAutomaton.dead {
                        target = automaton.step(target, byte)
                    }
                    if mask.contains(id) != (target != GrammarAutomaton.dead) { wrong.append(id) }
                }
            }
            constraint.append(token)
            for byte in tokenizer.bytes(of: token) ?? [] { state = automaton.step(state, byte) }
        }
        #expect(wrong.isEmpty)
        #expect(constraint.isComplete)
        #expect(try constraint.allowed().count == 1)
    }
}
