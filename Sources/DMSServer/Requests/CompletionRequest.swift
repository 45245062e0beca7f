import DMSEngine
import DMSJSON

/// The body of `POST /v1/completions`.
struct CompletionRequest: Sendable, Hashable {
    /// A text, or the tokens of one.
    enum Prompt: Sendable, Hashable {
        case text(String)
        case tokens([Int32])
    }

    static let keys =
        GenerationOptions.keys + AcceptedFields.completion
        + ["prompt", "max_tokens", "echo", "logprobs", "add_special_tokens"]

    /// OpenAI's default for `max_tokens` here.
    static let defaultTokens = 16

    var options: GenerationOptions
    var prompts: [Prompt]
    var maximumTokens: Int
    /// Whether the prompt stands before its continuation.
    var echoes: Bool
    /// How many of the likeliest tokens are reported.
    var logProbabilities: Int?
    /// Whether a text gets what the tokenizer puts around one: an extension.
    var addsSpecialTokens: Bool

    init(_ object: JSONObject, limits: ServerLimits) throws(APIError) {
        let fields = try Fields(object, known: Self.keys)
        options = try GenerationOptions(fields, limits: limits)
        maximumTokens =
            try fields.integer("max_tokens", in: 1...limits.generatedTokens)
            ?? min(Self.defaultTokens, limits.generatedTokens)
        echoes = try fields.boolean("echo") ?? false
        logProbabilities = try fields.integer("logprobs", in: 0...LogProbabilities.largestCount)
        addsSpecialTokens = try fields.boolean("add_special_tokens") ?? true
        prompts = try Self.prompts(fields, mayBeEmpty: options.session.continuing != nil)
        try AcceptedFields.checkCompletion(fields, choices: options.choices)
        guard prompts.count == 1 || options.session.isEmpty else {
            throw .invalid("prompt", found: "\(prompts.count) prompts", required: "one with a session")
        }
        guard prompts.count * options.choices <= limits.choices else {
            throw .invalid(
                "n", found: "\(prompts.count) prompts with \(options.choices) choices each",
                required: "at most \(limits.choices) choices in all")
        }
    }

    /// A string, a list of token ids, or a list of either.
    ///
    /// - Parameter mayBeEmpty: Whether the text may be, because it follows another.
    private static func prompts(_ fields: Fields, mayBeEmpty: Bool) throws(APIError) -> [Prompt] {
        let path = fields.path("prompt")
        guard let value = fields["prompt"] else {
            throw .invalid(path, found: "nothing", required: "a text or token ids")
        }
        if let text = value.stringValue { return [mayBeEmpty ? .text(text) : try prompt(text, path)] }
        guard let list = value.arrayValue, let first = list.first else {
            throw .invalid(
                path, found: value.arrayValue == nil ? value.kind : "an empty list", required: "a text or token ids")
        }
        if first.integerValue != nil { return [.tokens(try Fields.tokens(list, path: path))] }
        var prompts: [Prompt] = []
        for (index, element) in list.enumerated() {
            let path = "\(path)[\(index)]"
            if let text = element.stringValue {
                prompts.append(try prompt(text, path))
            } else if let tokens = element.arrayValue, !tokens.isEmpty {
                prompts.append(.tokens(try Fields.tokens(tokens, path: path)))
            } else {
                throw .invalid(path, found: element.kind, required: "a text or token ids, not empty")
            }
        }
        return prompts
    }

    private static func prompt(_ text: String, _ path: String) throws(APIError) -> Prompt {
        if text.isEmpty {
            throw .invalid(path, found: "an empty text", required: "at least one character", code: "empty_prompt")
        }
        return .text(text)
    }
}
