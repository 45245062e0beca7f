import DMSJSON

/// The objects that one kind of request is answered with.
protocol AnswerFormat: Sendable {
    var header: AnswerHeader { get }

    /// The object that opens a continuation in a stream, if the format has one.
    func opening(choice: Int) -> JSONObject?
    /// An object of a stream.
    func chunk(_ piece: ChoicePiece) -> JSONObject
    /// The whole answer.
    func answer(_ choices: [Choice], _ usage: Usage) -> JSONObject
}

/// What every object of an answer begins with.
struct AnswerHeader: Sendable, Hashable {
    let id: String
    /// Seconds since 1970.
    let created: Int64
    let model: String

    func object(_ kind: String, choices: [JSONValue]) -> JSONObject {
        JSONObject([
            "id": .string(id), "object": .string(kind), "created": .integer(created), "model": .string(model),
            "choices": .array(choices),
        ])
    }
}

/// Text completions.
struct CompletionFormat: AnswerFormat {
    let header: AnswerHeader

    private static let kind = "text_completion"

    func opening(choice: Int) -> JSONObject? { nil }

    func chunk(_ piece: ChoicePiece) -> JSONObject {
        header.object(Self.kind, choices: [choice(piece.index, piece.text, piece.probabilities, piece.end)])
    }

    func answer(_ choices: [Choice], _ usage: Usage) -> JSONObject {
        var object = header.object(
            Self.kind, choices: choices.map { choice($0.index, $0.text, $0.probabilities, $0.end) })
        object["usage"] = usage.json
        return object
    }

    private func choice(
        _ index: Int, _ text: String, _ probabilities: [TokenProbability]?, _ end: ChoiceEnd?
    ) -> JSONValue {
        .object(
            JSONObject([
                "text": .string(text), "index": .integer(Int64(index)),
                "logprobs": probabilities?.completionJSON ?? .null,
                "finish_reason": end.map { .string($0.rawValue) } ?? .null,
            ]))
    }
}

/// Chats.
struct ChatFormat: AnswerFormat {
    let header: AnswerHeader

    private static let kind = "chat.completion"

    func opening(choice: Int) -> JSONObject? {
        chunk(choice, delta: JSONObject(["role": .string("assistant"), "content": .string("")]), nil, nil)
    }

    func chunk(_ piece: ChoicePiece) -> JSONObject {
        var delta = JSONObject()
        if !piece.text.isEmpty || piece.probabilities?.isEmpty == false { delta["content"] = .string(piece.text) }
        return chunk(piece.index, delta: delta, piece.probabilities, piece.end)
    }

    private func chunk(
        _ index: Int, delta: JSONObject, _ probabilities: [TokenProbability]?, _ end: ChoiceEnd?
    ) -> JSONObject {
        let choice = JSONObject([
            "index": .integer(Int64(index)), "delta": .object(delta), "logprobs": probabilities?.chatJSON ?? .null,
            "finish_reason": end.map { .string($0.rawValue) } ?? .null,
        ])
        return header.object(Self.kind + ".chunk", choices: [.object(choice)])
    }

    func answer(_ choices: [Choice], _ usage: Usage) -> JSONObject {
        let list = choices.map { choice -> JSONValue in
            let message = JSONObject([
                "role": .string("assistant"), "content": .string(choice.text), "refusal": .null,
            ])
            return .object(
                JSONObject([
                    "index": .integer(Int64(choice.index)), "message": .object(message),
                    "logprobs": choice.probabilities?.chatJSON ?? .null,
                    "finish_reason": choice.end.map { .string($0.rawValue) } ?? .null,
                ]))
        }
        var object = header.object(Self.kind, choices: list)
        object["usage"] = usage.json
        return object
    }
}

extension AnswerFormat {
    /// The object of a stream that counts tokens; it has no choice.
    func usageChunk(_ usage: Usage) -> JSONObject {
        var object = chunk(ChoicePiece(index: 0))
        object["choices"] = .array([])
        object["usage"] = usage.json
        return object
    }
}
