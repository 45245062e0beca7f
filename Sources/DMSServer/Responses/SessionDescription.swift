import DMSCache
import DMSEngine
import DMSJSON

/// What clients are told of a saved conversation.
struct SessionDescription: Sendable {
    let session: SavedSession
    var text: String?
    var messages: [ChatMessage]?

    init(_ session: SavedSession) { self.session = session }

    var json: JSONObject {
        var object = JSONObject([
            "id": .string(session.name.rawValue), "object": .string("session"), "created": .integer(session.saved),
            "bytes": .integer(Int64(session.byteCount)),
        ])
        switch session.contents {
        case .success(let contents):
            object["usable"] = .bool(true)
            object["tokens"] = .integer(Int64(contents.tokens.count))
            object["cached_tokens"] = .integer(Int64(contents.cachedCount))
            object["kv"] = .object(
                JSONObject([
                    "live_bytes": .integer(Int64(contents.liveBytes)),
                    "dense_bytes": .integer(Int64(contents.denseBytes)),
                    "live_token_heads": .integer(Int64(contents.liveTokenHeads)),
                    "seen_token_heads": .integer(Int64(contents.seenTokenHeads)),
                ]))
        case .failure(let unusable):
            object["usable"] = .bool(false)
            object["reason"] = .string(unusable.reason)
        }
        if let text { object["text"] = .string(text) }
        if let messages { object["messages"] = .array(messages.map { .object($0.json) }) }
        return object
    }

    static func list(_ sessions: [SessionDescription]) -> JSONObject {
        JSONObject(["object": .string("list"), "data": .array(sessions.map { .object($0.json) })])
    }

    static func deleted(_ name: SessionName) -> JSONObject {
        JSONObject(["id": .string(name.rawValue), "object": .string("session"), "deleted": .bool(true)])
    }
}

extension ChatMessage {
    var json: JSONObject { JSONObject(["role": .string(role.rawValue), "content": .string(content)]) }
}
