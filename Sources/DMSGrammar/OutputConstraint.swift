/// A continuation that must be a text of a grammar, token by token.
public struct OutputConstraint: Sendable {
    private let index: VocabularyIndex
    private let endTokens: Set<Int32>
    private var automaton: GrammarAutomaton
    private var state: GrammarAutomaton.State
    private var masks: [GrammarAutomaton.State: TokenMask] = [:]
    /// Masks of a 128,000-token vocabulary take 16 KiB each.
    private static let mostMasks = 256

    /// - Parameter endTokens: Tokens that end a continuation; allowed where the text may end.
    public init(_ grammar: Grammar, _ index: VocabularyIndex, endTokens: Set<Int32>) {
        self.index = index
        self.endTokens = endTokens
        automaton = GrammarAutomaton(grammar)
        state = automaton.start
    }

    /// Whether the text is complete and nothing can follow it.
    public var isComplete: Bool { automaton.accepts(state) && !automaton.continues(state) }

    /// The tokens that may come next.
    ///
    /// - Throws: ``ConstraintError`` where there are none, because the vocabulary has no token for what must follow.
    public mutating func allowed() throws(ConstraintError) -> TokenMask {
        if let known = masks[state] { return known }
        if automaton.stateCount > GrammarAutomaton.mostStates {
            state = automaton.restart(from: state)
            masks.removeAll()
        }
        var mask = index.allowed(&automaton, from: state)
        if automaton.accepts(state) { for token in endTokens { mask.insert(token) } }
        if mask.isEmpty { throw ConstraintError() }
        if masks.count >= Self.mostMasks { masks.removeAll() }
        masks[state] = mask
        return mask
    }

    /// Takes note of a token that was allowed.
    public mutating func append(_ token: Int32, bytes: some Sequence<UInt8>) {
        if endTokens.contains(token) { return }
        for byte in bytes {
            state = automaton.step(state, byte)
            precondition(state != GrammarAutomaton.dead, "a token that was not allowed")
        }
    }
}

/// No token of the vocabulary continues the text as the grammar demands.
public struct ConstraintError: Error, Sendable, Equatable, CustomStringConvertible {
    public init() {}

    public var description: String {
        "the response format: found no token of the vocabulary that continues the text, required one"
    }
}
