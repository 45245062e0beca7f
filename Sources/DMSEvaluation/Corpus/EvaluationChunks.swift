/// A stream of tokens cut into contiguous chunks that are scored alone.
///
/// The last tokens that do not fill a chunk are left out, so that every chunk has the same weight and every scored
/// position the same distribution of context lengths.
public struct EvaluationChunks: Sendable {
    /// The whole stream, with the tokens at its end that fill no chunk.
    public let tokens: [Int32]
    /// Tokens of one chunk, at least 2.
    public let length: Int
    /// Chunks to be scored.
    public let count: Int

    /// - Parameters:
    ///   - tokens: The whole corpus as one stream, with whatever token the tokenizer puts at its start.
    ///   - length: Tokens of one chunk.
    ///   - limit: The most chunks to score; `nil` takes every full one.
    /// - Throws: ``EvaluationError`` for a length below 2, a limit below 1, or a corpus with fewer full chunks than
    ///   asked for.
    public init(tokens: [Int32], length: Int, limit: Int? = nil) throws(EvaluationError) {
        guard length >= 2 else {
            throw EvaluationError(
                "chunk length: found \(length); required: at least 2, as the first token is not scored")
        }
        let full = tokens.count / length
        let wanted = limit ?? max(1, full)
        guard wanted >= 1 else { throw EvaluationError("chunks: found \(wanted); required: at least 1") }
        guard wanted <= full else {
            throw EvaluationError(
                "the corpus has \(tokens.count) tokens, which is \(full) full chunks of \(length); required: "
                    + "at least \(wanted)")
        }
        self.tokens = tokens
        self.length = length
        count = wanted
    }

    /// The tokens of one chunk.
    public subscript(index: Int) -> ArraySlice<Int32> {
        precondition(index >= 0 && index < count, "chunk \(index) of \(count)")
        return tokens[index * length..<(index + 1) * length]
    }

    /// Positions scored in all: each token of a chunk but its first.
    public var scoredTokens: Int { count * (length - 1) }
}
