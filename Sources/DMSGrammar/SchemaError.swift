/// A JSON schema that cannot be compiled, and where in it.
public struct SchemaError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A JSON pointer (RFC 6901) into the schema; empty for the schema itself.
    public let path: String
    /// What the schema has, and where.
    public let found: String
    /// What would be understood.
    public let required: String

    init(_ path: String, found: String, required: String) {
        self.path = path
        // Made of what a client sent, and as long as it likes.
        self.found = found.count > 200 ? found.prefix(200) + "…" : found
        self.required = required
    }

    public var description: String {
        "schema\(path.isEmpty ? "" : " at \(path)"): found \(found), required \(required)"
    }
}
