/// Why a continuation ended.
public enum FinishReason: String, Sendable, Hashable, CaseIterable {
    /// The model chose an end-of-text token, or the text is complete by its grammar.
    case stop
    /// The text contained a stop string.
    case stopString = "stop_string"
    /// As many tokens as were asked for.
    case length
    /// The next token would stand at a position that the model does not have.
    case contextLimit = "context_limit"
    /// Not even alone would the sequence's next tokens fit the cache's budget.
    case memoryLimit = "memory_limit"
    /// The time that the request was given is over.
    case deadline
    /// The caller gave up.
    case cancelled
}
