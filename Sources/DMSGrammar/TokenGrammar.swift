import Synchronization

/// A grammar over the tokens of one vocabulary, shared by all texts that are written by it.
///
/// What was found out for one text, which tokens may come next at some place, serves all others. It holds up to some
/// ten megabytes, and begins anew when that is not enough.
public final class TokenGrammar: Sendable {
    /// The grammar, of bytes.
    public let grammar: Grammar
    let index: VocabularyIndex
    private let current: Mutex<TokenStates>

    /// A grammar over the tokens of a vocabulary; nothing is worked out yet.
    public init(_ grammar: Grammar, _ index: VocabularyIndex) {
        self.grammar = grammar
        self.index = index
        current = Mutex(TokenStates(grammar))
    }

    /// Where texts are to be at; another one than before when that was full.
    var states: TokenStates {
        current.withLock { current in
            if current.isFull { current = TokenStates(grammar) }
            return current
        }
    }
}

/// The places of texts by one grammar, and the tokens that each allows; made when they are first needed.
final class TokenStates: Sendable {
    private struct Contents {
        var automaton: GrammarAutomaton
        var masks: [GrammarAutomaton.State: TokenMask] = [:]
    }

    private let contents: Mutex<Contents>
    let start: GrammarAutomaton.State
    /// Masks of a 128,000-token vocabulary take 16 KiB each.
    private static let mostMasks = 128

    init(_ grammar: Grammar) {
        let automaton = GrammarAutomaton(grammar)
        start = automaton.start
        contents = Mutex(Contents(automaton: automaton))
    }

    var isFull: Bool { contents.withLock { $0.automaton.isFull } }

    /// Tokens that may come next, and whether the text may end.
    func allowed(
        in state: GrammarAutomaton.State, _ index: VocabularyIndex
    ) throws(ConstraintError) -> (mask: TokenMask, accepts: Bool) {
        try contents.withLock { contents throws(ConstraintError) in
            let accepts = contents.automaton.accepts(state)
            if let known = contents.masks[state] { return (known, accepts) }
            let mask = try index.allowed(&contents.automaton, from: state)
            if contents.masks.count >= Self.mostMasks { contents.masks.removeAll() }
            contents.masks[state] = mask
            return (mask, accepts)
        }
    }

    /// Where bytes lead that may come next, and whether the text is complete there and nothing can follow.
    func step(
        _ state: GrammarAutomaton.State, _ bytes: some Sequence<UInt8>
    ) -> (state: GrammarAutomaton.State, isComplete: Bool) {
        contents.withLock { contents in
            var state = state
            for byte in bytes {
                state = contents.automaton.step(state, byte)
                precondition(state != GrammarAutomaton.dead, "a token that was not allowed")
            }
            return (state, contents.automaton.accepts(state) && !contents.automaton.continues(state))
        }
    }

    func place(of state: GrammarAutomaton.State) -> GrammarAutomaton.Place {
        contents.withLock { $0.automaton.place(of: state) }
    }

    func enter(_ place: GrammarAutomaton.Place) -> GrammarAutomaton.State {
        contents.withLock { $0.automaton.enter(place) }
    }
}
