import DMSJSON

/// Fields of OpenAI's API that are accepted because what they ask for is what happens anyway, or because they are notes
/// about the request that change no answer.
///
/// Each is checked: a value that would ask for more is refused.
enum AcceptedFields {
    /// In both kinds of request.
    static let common = ["user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"]
    /// In chats.
    static let chat = [
        "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "modalities", "audio",
        "prediction", "reasoning_effort", "verbosity", "web_search_options",
    ]
    /// In text completions.
    static let completion = ["best_of", "suffix"]

    static func checkCommon(_ fields: Fields) throws(APIError) {
        for key in ["user", "safety_identifier", "prompt_cache_key"] { _ = try fields.string(key) }
        _ = try fields.object("metadata")
        if try fields.boolean("store") == true {
            throw .unsupported(fields.path("store"), "storing an answer", required: "false")
        }
        if let tier = try fields.string("service_tier"), !["auto", "default"].contains(tier) {
            throw .unsupported(fields.path("service_tier"), "another tier", required: "auto or default")
        }
    }

    static func checkChat(_ fields: Fields) throws(APIError) {
        for key in ["tools", "functions"] {
            guard let list = try fields.array(key), !list.isEmpty else { continue }
            throw .unsupported(fields.path(key), "calling tools", required: "an empty list")
        }
        for key in ["tool_choice", "function_call"] {
            guard let value = fields[key] else { continue }
            guard value == .string("none") || value == .string("auto") else {
                throw .unsupported(fields.path(key), "calling tools", required: "none or auto")
            }
        }
        _ = try fields.boolean("parallel_tool_calls")
        if let modalities = fields["modalities"], modalities != .array([.string("text")]) {
            throw .unsupported(fields.path("modalities"), "anything but text", required: "[\"text\"]")
        }
        for key in ["audio", "prediction", "reasoning_effort", "verbosity", "web_search_options"]
        where fields[key] != nil {
            throw .unsupported(fields.path(key), "this option", required: "null")
        }
    }

    /// - Parameter choices: What `n` asks for.
    static func checkCompletion(_ fields: Fields, choices: Int) throws(APIError) {
        if let candidates = try fields.integer("best_of", in: 1...Int(Int32.max)), candidates != choices {
            throw .unsupported(
                fields.path("best_of"), "choosing among more candidates than are answered",
                required: "\(choices), as n")
        }
        if let suffix = try fields.string("suffix"), !suffix.isEmpty {
            throw .unsupported(fields.path("suffix"), "inserting text", required: "null or an empty string")
        }
    }
}
