import DMSJSON

/// Writes what a stream has to say as server-sent events.
///
/// Events that add text to a choice differ in that text alone, so what stands around it is written once.
struct EventEncoder: Sendable {
    private struct Frame {
        let before: String
        let after: String
    }

    private let format: any AnswerFormat
    private let includesUsage: Bool
    /// By choice.
    private let frames: [Frame?]

    init(_ job: GenerationJob) {
        self.init(job.format, choices: job.requests.count, includesUsage: job.includesUsage)
    }

    /// - Parameter includesUsage: Whether the last event will count tokens: the key is then expected everywhere.
    init(_ format: any AnswerFormat, choices: Int, includesUsage: Bool) {
        self.format = format
        self.includesUsage = includesUsage
        frames = (0..<choices).map { choice in
            // No name that an answer has contains the mark; were it otherwise, events would be written one by one.
            let whole = Self.event(format.chunk(ChoicePiece(index: choice, text: "~")), includesUsage)
            let parts = whole.split(separator: "~" as Character, omittingEmptySubsequences: false)
            // The quotes are the text's.
            guard parts.count == 2 else { return nil }
            return Frame(before: String(parts[0].dropLast()), after: String(parts[1].dropFirst()))
        }
    }

    func append(_ piece: ChoicePiece, to text: inout String) {
        guard piece.probabilities == nil, piece.end == nil, !piece.text.isEmpty, let frame = frames[piece.index] else {
            return append(format.chunk(piece), to: &text)
        }
        text += frame.before
        JSONValue.append(piece.text, to: &text)
        text += frame.after
    }

    func append(_ object: JSONObject, to text: inout String) { text += Self.event(object, includesUsage) }

    private static func event(_ object: JSONObject, _ includesUsage: Bool) -> String {
        var object = object
        if includesUsage { object["usage"] = .null }
        return ServerSentEvents.event(object)
    }
}
