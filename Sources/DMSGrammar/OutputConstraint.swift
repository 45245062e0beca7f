/// A continuation that must be a text of a grammar, token by token.
///
/// A value: a copy goes on by itself. Asked for a place where no text was before, ``allowed()`` walks through the whole
/// vocabulary; else it looks the answer up.
public struct OutputConstraint: Sendable {
    private let grammar: TokenGrammar
    private let endTokens: [Int32]
    private var states: TokenStates
    private var state: GrammarAutomaton.State
    /// Whether the text is complete and nothing can follow it.
    public private(set) var isComplete: Bool

    /// - Parameter endTokens: Tokens that end a continuation; allowed where the text may end, and nowhere else.
    public init(_ grammar: TokenGrammar, endTokens: Set<Int32>) {
        self.grammar = grammar
        self.endTokens = endTokens.filter { (0..<Int32(grammar.index.vocabularySize)).contains($0) }.sorted()
        states = grammar.states
        state = states.start
        isComplete = states.step(state, []).isComplete
    }

    /// The tokens that may come next, at least one.
    ///
    /// - Throws: ``ConstraintError`` where there are none, or where that cannot be told in a bounded time.
    public mutating func allowed() throws(ConstraintError) -> TokenMask {
        let current = grammar.states
        if current !== states {
            state = current.enter(states.place(of: state))
            states = current
        }
        let place = try states.allowed(in: state, grammar.index)
        var mask = place.mask
        for token in endTokens {
            if place.accepts { mask.insert(token) } else { mask.remove(token) }
        }
        if mask.isEmpty { throw .deadEnd }
        return mask
    }

    /// Takes note of a token that was allowed.
    public mutating func append(_ token: Int32) {
        if endTokens.contains(token) { return }
        guard let bytes = grammar.index.bytes(of: token) else { preconditionFailure("a token that was not allowed") }
        (state, isComplete) = states.step(state, bytes)
    }
}

/// A text that must be one of a grammar cannot go on.
public enum ConstraintError: Error, Sendable, Hashable, CustomStringConvertible {
    /// No token of the vocabulary continues the text, or values would be nested too deeply.
    case deadEnd
    /// The grammar is too ambiguous.
    case tooComplex

    public var description: String {
        switch self {
        case .deadEnd:
            "the response format: found no token of the vocabulary that continues the text, required one"
        case .tooComplex:
            "the response format: found too many ways to read the text so far, required a less ambiguous schema"
        }
    }
}
