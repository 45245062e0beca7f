import DMSJSON

/// What text completions and chats have in common.
struct GenerationOptions: Sendable, Hashable {
    static let keys =
        ["model", "n", "stop", "stream", "stream_options", "ignore_eos", "response_format", "session", "dms"]
        + SamplingFields.keys
        + AcceptedFields.common

    /// The name of a served model.
    var model: String
    /// Continuations of each prompt.
    var choices = 1
    var stopStrings: [String] = []
    var streams = false
    /// Whether a stream ends with a chunk that counts tokens.
    var includesUsage = false
    /// Whether to go on after end-of-text tokens: an extension, for measurements.
    var ignoresEnd = false
    /// What kind of text the answer has to be.
    var responseFormat = ResponseFormat.text
    var sampling = SamplingFields()
    /// The saved conversation that is meant: an extension.
    var session = SessionField()
    /// Whether a stream tells what the cache holds: an extension.
    var reportsCache = false

    init(_ fields: Fields, limits: ServerLimits) throws(APIError) {
        guard let model = try fields.string("model") else {
            throw .invalid(fields.path("model"), found: "nothing", required: "the name of a model")
        }
        self.model = model
        choices = try fields.integer("n", in: 1...limits.choices) ?? 1
        stopStrings = try Self.stopStrings(fields, limits)
        streams = try fields.boolean("stream") ?? false
        includesUsage = try Self.includesUsage(fields, streams: streams)
        ignoresEnd = try fields.boolean("ignore_eos") ?? false
        responseFormat = try ResponseFormat(fields)
        if ignoresEnd, responseFormat != .text {
            throw .invalid(
                fields.path("ignore_eos"), found: "true", required: "false with a response_format, which has an end")
        }
        sampling = try SamplingFields(fields)
        session = try SessionField(fields, choices: choices)
        reportsCache = try CacheField.isWanted(fields, streams: streams)
        try AcceptedFields.checkCommon(fields)
    }

    private static func stopStrings(_ fields: Fields, _ limits: ServerLimits) throws(APIError) -> [String] {
        guard let value = fields["stop"] else { return [] }
        let path = fields.path("stop")
        let list = value.stringValue.map { [JSONValue.string($0)] } ?? value.arrayValue
        guard let list, list.count <= limits.stopStrings else {
            throw .invalid(
                path, found: value.arrayValue.map { "\($0.count) strings" } ?? value.kind,
                required: "a string or up to \(limits.stopStrings) of them")
        }
        return try list.map { value throws(APIError) in
            guard let text = value.stringValue, (1...ServerLimits.stopStringBytes).contains(text.utf8.count) else {
                throw .invalid(
                    path, found: value.stringValue.map { "a string of \($0.utf8.count) bytes" } ?? value.kind,
                    required: "strings of 1 to \(ServerLimits.stopStringBytes) bytes")
            }
            return text
        }
    }

    private static func includesUsage(_ fields: Fields, streams: Bool) throws(APIError) -> Bool {
        guard let object = try fields.object("stream_options") else { return false }
        let path = fields.path("stream_options")
        guard streams else { throw .invalid(path, found: "options", required: "null unless stream is true") }
        let options = try Fields(object, path: path, known: ["include_usage", "include_obfuscation"])
        if try options.boolean("include_obfuscation") == true {
            throw .unsupported(options.path("include_obfuscation"), "padding of events", required: "false")
        }
        return try options.boolean("include_usage") ?? false
    }
}
