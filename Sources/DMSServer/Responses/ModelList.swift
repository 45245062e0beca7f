import DMSJSON

/// What a client may want to know that no other server has: an extension.
struct ModelDetails: Sendable, Hashable {
    var chatTemplate: ChatTemplate?
    let layers: Int
    let keyValueHeads: Int
    /// `nil` for a model that evicts nothing.
    let window: Int?
    let keepsSessions: Bool

    var json: JSONObject {
        JSONObject([
            "chat_template": chatTemplate.map { .string($0.rawValue) } ?? .null, "layers": .integer(Int64(layers)),
            "kv_heads": .integer(Int64(keyValueHeads)), "window": window.map { .integer(Int64($0)) } ?? .null,
            "sessions": .bool(keepsSessions),
        ])
    }
}

/// What `/v1/models` says.
struct ModelDescription: Sendable, Hashable {
    let name: String
    /// Seconds since 1970 at which it was loaded.
    let created: Int64
    /// Tokens of prompt and answer together.
    let positions: Int
    let details: ModelDetails

    var json: JSONObject {
        JSONObject([
            "id": .string(name), "object": .string("model"), "created": .integer(created),
            "owned_by": .string("swift-dms"), "max_model_len": .integer(Int64(positions)),
            "dms": .object(details.json),
        ])
    }

    static func list(_ models: [ModelDescription]) -> JSONObject {
        JSONObject(["object": .string("list"), "data": .array(models.map { .object($0.json) })])
    }
}
