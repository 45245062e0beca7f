import DMSJSON

/// The body of `POST /tokenize`.
struct TokenizeRequest: Sendable, Hashable {
    var content: String
    /// Whether the text gets what the tokenizer puts around one.
    var addsSpecialTokens: Bool
    /// Whether special tokens that are written in the text become such.
    var parsesSpecialTokens: Bool

    init(_ object: JSONObject) throws(APIError) {
        let fields = try Fields(object, known: ["content", "add_special", "parse_special"])
        guard let content = try fields.string("content") else {
            throw .invalid("content", found: "nothing", required: "a text")
        }
        self.content = content
        addsSpecialTokens = try fields.boolean("add_special") ?? false
        parsesSpecialTokens = try fields.boolean("parse_special") ?? true
    }
}

/// The body of `POST /detokenize`.
struct DetokenizeRequest: Sendable, Hashable {
    var tokens: [Int32]

    init(_ object: JSONObject) throws(APIError) {
        let fields = try Fields(object, known: ["tokens"])
        guard let tokens = try fields.tokens("tokens") else {
            throw .invalid("tokens", found: "nothing", required: "a list of token ids")
        }
        self.tokens = tokens
    }
}
