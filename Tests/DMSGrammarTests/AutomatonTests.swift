import DMSJSON
import DMSTestSupport
import Testing

@testable import DMSGrammar

@Suite("Masks of a grammar")
struct AutomatonTests {
    @Test("A mask has exactly the tokens whose bytes can be read one after the other")
    func masks() throws {
        let walk = GrammarWalk()
        var generator = SeededGenerator(seed: 5)
        var automaton = GrammarAutomaton(.jsonObject)
        var state = automaton.start
        for _ in 0..<300 {
            let mask = try walk.index.allowed(&automaton, from: state)
            var choices: [(Int32, GrammarAutomaton.State)] = []
            for (id, bytes) in walk.tokens.enumerated() where !bytes.isEmpty {
                var target = state
                for byte in bytes where target != GrammarAutomaton.dead { target = automaton.step(target, byte) }
                #expect(mask.contains(Int32(id)) == (target != GrammarAutomaton.dead))
                if target != GrammarAutomaton.dead { choices.append((Int32(id), target)) }
            }
            #expect(mask.count == choices.count)
            guard !choices.isEmpty else {
                state = automaton.start
                continue
            }
            state = choices[Int(generator.next() % UInt64(choices.count))].1
        }
    }

    @Test("Going on in another automaton changes nothing")
    func moving() throws {
        var automaton = GrammarAutomaton(.jsonObject)
        var state = automaton.start
        for byte in #"{"a":[{"b":"#.utf8 { state = automaton.step(state, byte) }
        let walk = GrammarWalk()
        let before = try walk.index.allowed(&automaton, from: state)
        let count = automaton.stateCount
        let place = automaton.place(of: state)
        automaton = GrammarAutomaton(.jsonObject)
        state = automaton.enter(place)
        #expect(automaton.stateCount < count)
        #expect(try walk.index.allowed(&automaton, from: state) == before)
        for byte in "1}]}".utf8 { state = automaton.step(state, byte) }
        #expect(automaton.accepts(state) && !automaton.continues(state))
    }

    @Test("Values nested too deeply are not begun, and what was begun can be ended")
    func depth() {
        var automaton = GrammarAutomaton(.jsonObject)
        var state = automaton.start
        for byte in #"{"a":"#.utf8 { state = automaton.step(state, byte) }
        var depth = 0
        while depth < 10_000 {
            let next = automaton.step(state, UInt8(ascii: "["))
            if next == GrammarAutomaton.dead { break }
            state = next
            depth += 1
        }
        #expect(depth > 50 && depth < 10_000)
        for _ in 0..<depth { state = automaton.step(state, UInt8(ascii: "]")) }
        state = automaton.step(state, UInt8(ascii: "}"))
        #expect(automaton.accepts(state))
    }

    @Test("A grammar that can be read in ever more ways is not read in all of them, and what was begun can be ended")
    func ambiguity() throws {
        let text = ##"""
            {"$ref":"#/$defs/a","$defs":{"a":{"type":"array","items":{"anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"}]}},
            "b":{"type":"array","items":{"anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"}]}}}}
            """##
        var automaton = GrammarAutomaton(try Grammar(schema: JSONReader.parse(text)))
        var state = automaton.start
        var depth = 0
        while depth < 100 {
            let next = automaton.step(state, UInt8(ascii: "["))
            if next == GrammarAutomaton.dead { break }
            state = next
            depth += 1
        }
        // Twice as many readers at every level, and some for spaces.
        #expect((5...11).contains(depth))
        #expect(automaton.work < 1_000_000)
        for _ in 0..<depth { state = automaton.step(state, UInt8(ascii: "]")) }
        #expect(automaton.accepts(state))
    }

    @Test("End tokens are allowed where the text may end and nowhere else")
    func ends() throws {
        let grammar = try Grammar(schema: .object(JSONObject(["type": .string("integer")])))
        let walk = GrammarWalk()
        var constraint = OutputConstraint(TokenGrammar(grammar, walk.index), endTokens: [GrammarWalk.end])
        #expect(!(try constraint.allowed().contains(GrammarWalk.end)))
        constraint.append(0x31 + 1)
        #expect(try constraint.allowed().contains(GrammarWalk.end))
        #expect(!constraint.isComplete)
        constraint.append(GrammarWalk.end)
    }

    @Test("An end token that writes something is no part of a text, though its bytes might be")
    func endTokenWithBytes() throws {
        let digit = Int32(0x37 + 1)
        let grammar = try Grammar(schema: JSONReader.parse(#"{"type":"array","items":{"type":"integer"}}"#))
        let walk = GrammarWalk()
        // Ends that no vocabulary has are left out.
        var constraint = OutputConstraint(TokenGrammar(grammar, walk.index), endTokens: [digit, -1, 100_000])
        for byte in "[".utf8 { constraint.append(Int32(byte) + 1) }
        #expect(!(try constraint.allowed().contains(digit)))
        #expect(try constraint.allowed().contains(digit + 1))
        constraint.append(Int32(UInt8(ascii: "]")) + 1)
        #expect(constraint.isComplete)
        #expect(try constraint.allowed().contains(digit))
    }

    @Test("A vocabulary that cannot write the text is an error")
    func poorVocabulary() throws {
        let index = VocabularyIndex([nil, Array("a".utf8)])
        var constraint = OutputConstraint(TokenGrammar(.jsonObject, index), endTokens: [0])
        #expect(throws: ConstraintError.deadEnd) { try constraint.allowed() }
    }
}
