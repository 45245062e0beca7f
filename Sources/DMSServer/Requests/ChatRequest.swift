import DMSEngine
import DMSJSON

/// The body of `POST /v1/chat/completions`.
struct ChatRequest: Sendable, Hashable {
    static let keys =
        GenerationOptions.keys + AcceptedFields.chat
        + ["messages", "max_tokens", "max_completion_tokens", "logprobs", "top_logprobs"]

    var options: GenerationOptions
    var messages: [ChatMessage]
    /// `nil` where the client leaves it to the server.
    var maximumTokens: Int?
    /// How many of the likeliest tokens are reported beside the chosen one.
    var logProbabilities: Int?

    init(_ object: JSONObject, limits: ServerLimits) throws(APIError) {
        let fields = try Fields(object, known: Self.keys)
        options = try GenerationOptions(fields, limits: limits)
        maximumTokens = try Self.maximumTokens(fields, limits)
        logProbabilities = try Self.logProbabilities(fields)
        try AcceptedFields.checkChat(fields)
        guard let list = try fields.array("messages"), !list.isEmpty else {
            throw .invalid("messages", found: "nothing", required: "at least one message")
        }
        var messages: [ChatMessage] = []
        for (index, value) in list.enumerated() {
            messages.append(try ChatMessage(value, path: "messages[\(index)]"))
        }
        self.messages = messages
    }

    /// `max_tokens` is the older name.
    private static func maximumTokens(_ fields: Fields, _ limits: ServerLimits) throws(APIError) -> Int? {
        let range = 1...limits.generatedTokens
        let older = try fields.integer("max_tokens", in: range)
        let newer = try fields.integer("max_completion_tokens", in: range)
        if let older, let newer, older != newer {
            throw .invalid("max_tokens", found: "\(older)", required: "\(newer), as max_completion_tokens, or nothing")
        }
        return newer ?? older
    }

    private static func logProbabilities(_ fields: Fields) throws(APIError) -> Int? {
        let isWanted = try fields.boolean("logprobs") ?? false
        let top = try fields.integer("top_logprobs", in: 0...LogProbabilities.largestCount)
        if let top, top > 0, !isWanted {
            throw .invalid("top_logprobs", found: "\(top)", required: "nothing unless logprobs is true")
        }
        return isWanted ? top ?? 0 : nil
    }
}
