import DMSEngine
import DMSJSON
import DMSTokenizer

/// How likely a token of an answer was, and its likeliest rivals, with their bytes.
struct TokenProbability: Sendable, Hashable {
    struct Entry: Sendable, Hashable {
        let bytes: [UInt8]
        /// `nil` for the first token of a prompt, which follows nothing.
        let logProbability: Double?

        init(bytes: [UInt8], logProbability: Double?) {
            self.bytes = bytes
            self.logProbability = logProbability
        }

        init(_ entry: LogProbabilities.Entry, _ tokenizer: Tokenizer) {
            // Models may have more logits than their tokenizer has tokens.
            self.init(bytes: tokenizer.bytes(of: entry.token) ?? [], logProbability: entry.logProbability)
        }

        var json: JSONValue { logProbability.map { .number($0) } ?? .null }

        /// The bytes as text, those that are none of it as U+FFFD.
        var text: String { String(decoding: bytes, as: UTF8.self) }

        /// The bytes as text, or spelled out where they are none, so that different tokens have different names.
        var name: String {
            if let text = String(validating: bytes, as: UTF8.self) { return text }
            return "bytes:" + bytes.map { "\\x" + String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
    }

    let chosen: Entry
    let top: [Entry]
    /// Where its text begins, in characters (Unicode scalars) of the answer.
    let textOffset: Int

    init(chosen: Entry, top: [Entry], textOffset: Int) {
        self.chosen = chosen
        self.top = top
        self.textOffset = textOffset
    }

    /// The first token of a prompt.
    init(first token: Int32, _ tokenizer: Tokenizer) {
        chosen = Entry(bytes: tokenizer.bytes(of: token) ?? [], logProbability: nil)
        top = []
        textOffset = 0
    }

    init(_ probabilities: LogProbabilities, _ tokenizer: Tokenizer, textOffset: Int) {
        chosen = Entry(probabilities.chosen, tokenizer)
        top = probabilities.top.map { Entry($0, tokenizer) }
        self.textOffset = textOffset
    }
}

extension [TokenProbability] {
    /// The form of chats.
    var chatJSON: JSONValue {
        func entry(_ entry: TokenProbability.Entry) -> JSONObject {
            JSONObject([
                "token": .string(entry.text), "logprob": entry.json,
                "bytes": .array(entry.bytes.map { .integer(Int64($0)) }),
            ])
        }
        let content = map { token -> JSONValue in
            var object = entry(token.chosen)
            object["top_logprobs"] = .array(token.top.map { .object(entry($0)) })
            return .object(object)
        }
        return .object(JSONObject(["content": .array(content), "refusal": .null]))
    }

    /// The form of text completions.
    var completionJSON: JSONValue {
        let top = map { token -> JSONValue in
            if token.chosen.logProbability == nil { return .null }
            // The chosen token is always there, as in OpenAI's answers.
            var object = JSONObject()
            for entry in token.top + [token.chosen] { object[entry.name] = entry.json }
            return .object(object)
        }
        return .object(
            JSONObject([
                "tokens": .array(map { .string($0.chosen.name) }),
                "token_logprobs": .array(map(\.chosen.json)), "top_logprobs": .array(top),
                "text_offset": .array(map { .integer(Int64($0.textOffset)) }),
            ]))
    }
}
