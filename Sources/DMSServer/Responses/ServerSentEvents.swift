import DMSJSON

/// The framing of a stream: one JSON object per event, `[DONE]` at the end.
///
/// The writer of JSON escapes every line break there is, so no text can end an event or begin another.
enum ServerSentEvents {
    static let contentType = "text/event-stream; charset=utf-8"
    static let done = "data: [DONE]\n\n"

    static func event(_ object: JSONObject) -> String { "data: " + JSONValue.object(object).text() + "\n\n" }
}
