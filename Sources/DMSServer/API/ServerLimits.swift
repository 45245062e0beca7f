public import DMSEngine

/// What a client may ask for at most.
///
/// The queue's length and the memory are limits of the engine: `EngineConfiguration`.
public struct ServerLimits: Sendable, Hashable {
    /// Bytes of a request's body.
    public let bodyBytes: Int
    /// Tokens of a prompt; `nil` for as many as the model has positions.
    public let promptTokens: Int?
    /// Continuations of one request: prompts × `n`.
    public let choices: Int
    /// Tokens of one continuation.
    public let generatedTokens: Int
    /// Tokens of a chat's answer where the client says nothing; text completions have OpenAI's 16.
    public let defaultChatTokens: Int
    /// Stop strings of one request.
    public let stopStrings: Int

    /// Bytes of a stop string.
    public static let stopStringBytes = 512
    /// Log-probabilities of prompts in one answer.
    public static let echoedProbabilities = 1 << 19

    /// - Throws: `ParameterError` for a limit below 1.
    public init(
        bodyBytes: Int = 8 << 20, promptTokens: Int? = nil, choices: Int = 16, generatedTokens: Int = 1 << 20,
        defaultChatTokens: Int = 1024, stopStrings: Int = 16
    ) throws(ParameterError) {
        let values = [
            ("bodyBytes", bodyBytes), ("promptTokens", promptTokens ?? 1), ("choices", choices),
            ("generatedTokens", generatedTokens), ("defaultChatTokens", defaultChatTokens),
            ("stopStrings", stopStrings),
        ]
        for (field, value) in values where !(1...Int(Int32.max)).contains(value) {
            throw ParameterError(field: field, found: "\(value)", required: "1 to \(Int32.max)")
        }
        self.bodyBytes = bodyBytes
        self.promptTokens = promptTokens
        self.choices = choices
        self.generatedTokens = generatedTokens
        self.defaultChatTokens = min(defaultChatTokens, generatedTokens)
        self.stopStrings = stopStrings
    }
}
