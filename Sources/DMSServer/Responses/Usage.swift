import DMSJSON

/// Tokens of a request.
struct Usage: Sendable, Hashable {
    /// Of all prompts, each counted once however many continuations it has.
    var prompt = 0
    /// Of all continuations, end tokens included.
    var completion = 0

    var json: JSONValue {
        .object(
            JSONObject([
                "prompt_tokens": .integer(Int64(prompt)), "completion_tokens": .integer(Int64(completion)),
                "total_tokens": .integer(Int64(prompt + completion)),
            ]))
    }
}
