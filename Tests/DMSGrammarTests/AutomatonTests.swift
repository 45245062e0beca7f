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
            let mask = walk.index.allowed(&automaton, from: state)
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

    @Test("Starting again from a state changes nothing")
    func restart() {
        var automaton = GrammarAutomaton(.jsonObject)
        var state = automaton.start
        for byte in #"{"a":[{"b":"#.utf8 { state = automaton.step(state, byte) }
        let walk = GrammarWalk()
        let before = walk.index.allowed(&automaton, from: state)
        let count = automaton.stateCount
        state = automaton.restart(from: state)
        #expect(automaton.stateCount < count)
        #expect(walk.index.allowed(&automaton, from: state) == before)
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

    @Test("End tokens are allowed where the text may end and nowhere else")
    func ends() throws {
        let grammar = try Grammar(schema: .object(JSONObject(["type": .string("integer")])))
        let walk = GrammarWalk()
        var constraint = OutputConstraint(grammar, walk.index, endTokens: [GrammarWalk.end])
        #expect(!(try constraint.allowed().contains(GrammarWalk.end)))
        constraint.append(0x31 + 1, bytes: [0x31])
        #expect(try constraint.allowed().contains(GrammarWalk.end))
        #expect(!constraint.isComplete)
        constraint.append(GrammarWalk.end, bytes: [])
    }

    @Test("A vocabulary that cannot write the text is an error")
    func poorVocabulary() throws {
        let index = VocabularyIndex([nil, Array("a".utf8)])
        var constraint = OutputConstraint(.jsonObject, index, endTokens: [0])
        #expect(throws: ConstraintError.self) { try constraint.allowed() }
    }
}
