import DMSJSON

/// What `/v1/models` says.
struct ModelDescription: Sendable, Hashable {
    let name: String
    /// Seconds since 1970 at which it was loaded.
    let created: Int64
    /// Tokens of prompt and answer together.
    let positions: Int

    var json: JSONObject {
        JSONObject([
            "id": .string(name), "object": .string("model"), "created": .integer(created),
            "owned_by": .string("swift-dms"), "max_model_len": .integer(Int64(positions)),
        ])
    }

    static func list(_ models: [ModelDescription]) -> JSONObject {
        JSONObject(["object": .string("list"), "data": .array(models.map { .object($0.json) })])
    }
}
