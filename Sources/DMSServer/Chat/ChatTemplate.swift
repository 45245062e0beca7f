public import DMSTokenizer

/// How a conversation is written for a model: a fixed set, and none is ever read from a file or a client.
public enum ChatTemplate: String, Sendable, Hashable, CaseIterable {
    /// That of Llama 3: every message between header tokens and `<|eot_id|>`, its text without white space around it.
    ///
    /// No system message is added; the texts about dates that newer templates put there are not.
    case llama3
    /// ChatML: every message between `<|im_start|>` and `<|im_end|>`, its text as it is.
    case chatML = "chatml"

    /// The special tokens that it cannot do without.
    public var requiredTokens: [String] {
        switch self {
        case .llama3: ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
        case .chatML: ["<|im_start|>", "<|im_end|>"]
        }
    }

    /// What the templates need, each in words.
    package static var requirements: [String] { allCases.map { $0.requiredTokens.joined(separator: " ") } }

    /// Tokens that end an answer, as far as a tokenizer has them.
    var endTokens: [String] {
        switch self {
        case .llama3: ["<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"]
        case .chatML: ["<|im_end|>"]
        }
    }

    /// Whether a tokenizer has all that it needs, as special tokens.
    public func isSupported(by tokenizer: Tokenizer) -> Bool {
        requiredTokens.allSatisfy { name in tokenizer.id(of: name).map(tokenizer.isSpecial) ?? false }
    }

    /// The template that a model's special tokens speak for; `nil` when none or more than one does.
    ///
    /// - Parameter endOfText: The ids that the model's files call ends of text; they decide where a tokenizer has the
    ///   tokens of several templates.
    public static func detect(_ tokenizer: Tokenizer, endOfText: [Int32]) -> ChatTemplate? {
        let candidates = allCases.filter { $0.isSupported(by: tokenizer) }
        if candidates.count == 1 { return candidates[0] }
        let ending = candidates.filter { template in
            template.requiredTokens.last.flatMap { tokenizer.id(of: $0) }.map(endOfText.contains) ?? false
        }
        return ending.count == 1 ? ending[0] : nil
    }
}
