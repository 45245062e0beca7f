import DMSJSON

/// A text for the playground to begin with.
public struct PlaygroundExample: Sendable, Hashable {
    /// What is said above it.
    public let title: String
    /// The text to begin with.
    public let prompt: String
    /// Ends the answer.
    public let stop: String?
    /// At most so many tokens.
    public let maximumTokens: Int
    /// What the model is to say, if it is known.
    public let answer: String?

    /// A text, and what is asked about it.
    public init(title: String, prompt: String, stop: String? = nil, maximumTokens: Int = 128, answer: String? = nil) {
        self.title = title
        self.prompt = prompt
        self.stop = stop
        self.maximumTokens = maximumTokens
        self.answer = answer
    }

    var json: JSONObject {
        JSONObject([
            "title": .string(title), "prompt": .string(prompt), "stop": stop.map { .string($0) } ?? .null,
            "max_tokens": .integer(Int64(maximumTokens)), "answer": answer.map { .string($0) } ?? .null,
        ])
    }
}
