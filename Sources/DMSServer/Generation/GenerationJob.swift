import DMSEngine

/// A request of either kind, ready for the engine: one continuation for every choice.
struct GenerationJob: Sendable {
    var requests: [GenerationRequest]
    /// The text before each continuation; empty where the request does not echo.
    var echoes: [String]
    /// Continuations of each prompt, one after another among the requests.
    var choicesPerPrompt: Int
    /// Tokens of all prompts, each once.
    var promptTokens: Int
    var format: any AnswerFormat
    var streams: Bool
    var includesUsage: Bool
}
