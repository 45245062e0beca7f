import DMSJSON

/// One message of a conversation.
package struct ChatMessage: Sendable, Hashable {
    package enum Role: String, Sendable, Hashable, CaseIterable {
        case system, user, assistant
    }

    /// What clients send back of an answer, beside its text: nothing of it is ever set here.
    private static let emptyKeys = ["refusal", "annotations", "audio", "function_call", "tool_calls", "name"]

    package var role: Role
    package var content: String

    package init(role: Role, content: String) {
        self.role = role
        self.content = content
    }

    init(_ value: JSONValue, path: String) throws(APIError) {
        guard let object = value.objectValue else { throw .invalid(path, found: value.kind, required: "an object") }
        let fields = try Fields(object, path: path, known: ["role", "content"] + Self.emptyKeys)
        for key in Self.emptyKeys {
            guard let value = fields[key], value != .array([]) else { continue }
            throw .unsupported(fields.path(key), "this field", required: "null")
        }
        role = try Self.role(fields)
        content = try Self.content(fields)
    }

    /// `developer` is the newer name of `system`.
    private static func role(_ fields: Fields) throws(APIError) -> Role {
        let name = try fields.string("role")
        if name == "developer" { return .system }
        guard let name, let role = Role(rawValue: name) else {
            throw .invalid(
                fields.path("role"), found: name == nil ? "nothing" : "another role",
                required: "system, developer, user or assistant")
        }
        return role
    }

    /// A text, or parts that are all texts.
    private static func content(_ fields: Fields) throws(APIError) -> String {
        let path = fields.path("content")
        guard let value = fields["content"] else { throw .invalid(path, found: "nothing", required: "a text") }
        if let text = value.stringValue { return text }
        guard let parts = value.arrayValue, !parts.isEmpty else {
            throw .invalid(path, found: value.kind, required: "a text or parts of type text")
        }
        var text = ""
        for (index, part) in parts.enumerated() {
            let path = "\(path)[\(index)]"
            guard let object = part.objectValue else { throw .invalid(path, found: part.kind, required: "an object") }
            guard object["type"] == .string("text") else {
                throw .unsupported("\(path).type", "anything but text", required: "text")
            }
            let fields = try Fields(object, path: path, known: ["type", "text"])
            guard let piece = try fields.string("text") else {
                throw .invalid(fields.path("text"), found: "nothing", required: "a text")
            }
            text += piece
        }
        return text
    }
}
