import DMSJSON

/// The body of `POST /v1/sessions`: a conversation that is computed and saved, and not continued.
struct SessionRequest: Sendable, Hashable {
    enum Content: Sendable, Hashable {
        case messages([ChatMessage])
        case text(String)
    }

    var model: String
    var name: String
    var content: Content
    /// Whether a text gets what the tokenizer puts around one.
    var addsSpecialTokens: Bool

    init(_ object: JSONObject) throws(APIError) {
        let fields = try Fields(object, known: ["model", "name", "messages", "prompt", "add_special_tokens"])
        guard let model = try fields.string("model") else {
            throw .invalid("model", found: "nothing", required: "the name of a model")
        }
        guard let name = try fields.string("name") else {
            throw .invalid("name", found: "nothing", required: "a name for the conversation")
        }
        self.model = model
        self.name = name
        addsSpecialTokens = try fields.boolean("add_special_tokens") ?? true
        switch (try fields.array("messages"), try fields.string("prompt")) {
        case (let list?, nil):
            var messages: [ChatMessage] = []
            for (index, value) in list.enumerated() {
                messages.append(try ChatMessage(value, path: "messages[\(index)]"))
            }
            if messages.isEmpty { throw .invalid("messages", found: "nothing", required: "at least one message") }
            content = .messages(messages)
        case (nil, let text?):
            if text.isEmpty {
                throw .invalid("prompt", found: "an empty text", required: "a text", code: "empty_prompt")
            }
            content = .text(text)
        case (nil, nil): throw .invalid("messages", found: "nothing", required: "messages or a prompt")
        case (_?, _?): throw .invalid("prompt", found: "messages, too", required: "one of them")
        }
    }
}
