/// What a stream tells of its request.
public enum GenerationEvent: Sendable, Hashable {
    /// How likely the prompt's tokens were, all but the first, which follows nothing; before the first token, once, for
    /// requests that asked for it.
    case prompt([LogProbabilities])
    /// The next token.
    case token(GeneratedToken)
    /// What the cache holds since the last step; only for requests that ask for it.
    case cache(CacheProgress)
    /// The end; nothing follows.
    case finished(GenerationSummary)
}

/// One token of a continuation.
public struct GeneratedToken: Sendable, Hashable {
    /// The token's number in the vocabulary.
    public let id: Int32
    /// The text that is certain since this token: whole characters, never part of a stop string, often empty.
    public let text: String
    /// As far as the request asked for them.
    public let logProbabilities: LogProbabilities?
}

/// How a continuation ended, and what it took.
public struct GenerationSummary: Sendable, Hashable {
    /// Why it ended.
    public let reason: FinishReason
    /// Text that had been held back and follows that of the last token.
    public let text: String
    /// Tokens of the request's prompt.
    public let promptTokens: Int
    /// Tokens of the continuation, an end token included.
    public let generatedTokens: Int
    /// How often the request gave its memory back and was computed again.
    public let preemptions: Int
    /// Tokens that were not computed when the request started last, because a stored prefix, or the conversation that
    /// it continues, had them.
    public let reusedTokens: Int
    /// Tokens of the prompt that a stored prefix had when the request started first: what it did not cost.
    public let cachedTokens: Int
    /// From submission to the first pass, `nil` when there was none.
    public let queueSeconds: Double?
    /// From submission to the first token, `nil` when there was none.
    public let firstTokenSeconds: Double?
    /// From submission to the end.
    public let totalSeconds: Double
}
