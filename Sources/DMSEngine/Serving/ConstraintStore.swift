import DMSGrammar
import DMSTokenizer
import Synchronization

/// Makes the constraints of an engine's requests, on the threads of those who submit them.
///
/// The vocabulary is put in order at the first request that has a grammar, and what was found out about the grammars
/// used last is kept for others that have the same.
final class ConstraintStore: Sendable {
    private struct Contents {
        var index: VocabularyIndex?
        var grammars = RecentlyUsed<Grammar, TokenGrammar>(limit: ConstraintStore.mostGrammars)
    }

    /// Each holds some ten megabytes at most; those of open requests live as long as they do.
    private static let mostGrammars = 16

    private let tokenizer: Tokenizer
    private let vocabularySize: Int
    private let contents = Mutex(Contents())

    /// - Parameter vocabularySize: Tokens that the model has.
    init(_ tokenizer: Tokenizer, vocabularySize: Int) {
        self.tokenizer = tokenizer
        self.vocabularySize = vocabularySize
    }

    /// - Complexity: That of sorting the vocabulary for the first, else of comparing the grammar with one that is known.
    func constraint(_ grammar: Grammar, endTokens: Set<Int32>) -> OutputConstraint {
        let shared = contents.withLock { contents in
            if let known = contents.grammars.value(for: grammar) { return known }
            let index = contents.index ?? VocabularyIndex(tokenizer, vocabularySize: vocabularySize)
            contents.index = index
            let new = TokenGrammar(grammar, index)
            contents.grammars.insert(new, for: grammar)
            return new
        }
        return OutputConstraint(shared, endTokens: endTokens)
    }
}
