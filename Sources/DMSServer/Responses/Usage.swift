import DMSJSON

/// Tokens of a request.
struct Usage: Sendable, Hashable {
    /// Of all prompts, each counted once however many continuations it has.
    var prompt = 0
    /// Those of the prompts that were computed for earlier requests, as their first continuations found them.
    var cached = 0
    /// Of all continuations, end tokens included.
    var completion = 0

    var json: JSONValue {
        .object(
            JSONObject([
                "prompt_tokens": .integer(Int64(prompt)), "completion_tokens": .integer(Int64(completion)),
                "total_tokens": .integer(Int64(prompt + completion)),
                "prompt_tokens_details": .object(JSONObject(["cached_tokens": .integer(Int64(cached))])),
            ]))
    }
}
