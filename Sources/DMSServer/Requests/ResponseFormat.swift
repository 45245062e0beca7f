import DMSJSON

/// What kind of text an answer has to be.
enum ResponseFormat: Sendable, Hashable {
    case text
    /// Any JSON object.
    case jsonObject
    case jsonSchema(Schema)

    /// A schema as a client sent it, not yet understood.
    struct Schema: Sendable, Hashable {
        let value: JSONValue
        /// The value in its shortest form.
        let text: String

        static func == (left: Self, right: Self) -> Bool { left.text == right.text }

        func hash(into hasher: inout Hasher) { hasher.combine(text) }
    }

    /// Bytes of a schema in its shortest form.
    static let mostSchemaBytes = 128 << 10

    init(_ fields: Fields) throws(APIError) {
        guard let object = try fields.object("response_format") else {
            self = .text
            return
        }
        let format = try Fields(object, path: fields.path("response_format"), known: ["type", "json_schema"])
        guard let type = try format.string("type") else {
            throw .invalid(
                format.path("type"), found: "nothing", required: "text, json_object or json_schema")
        }
        if type != "json_schema", format["json_schema"] != nil {
            throw .invalid(format.path("json_schema"), found: "a schema", required: "null unless type is json_schema")
        }
        switch type {
        case "text": self = .text
        case "json_object": self = .jsonObject
        case "json_schema": self = .jsonSchema(try Self.schema(format))
        default:
            throw .unsupported(
                format.path("type"), "another format", required: "text, json_object or json_schema")
        }
    }

    /// `strict` is as good as true: the schema holds in any case, and what is not understood of it is refused.
    private static func schema(_ format: Fields) throws(APIError) -> Schema {
        let path = format.path("json_schema")
        guard let object = try format.object("json_schema") else {
            throw .invalid(path, found: "nothing", required: "an object with a name and a schema")
        }
        let fields = try Fields(object, path: path, known: ["name", "description", "schema", "strict"])
        guard let name = try fields.string("name"), isName(name) else {
            throw .invalid(
                fields.path("name"), found: fields["name"] == nil ? "nothing" : "another text",
                required: "1 to 64 of the characters A-Z a-z 0-9 _ -")
        }
        _ = try fields.string("description")
        _ = try fields.boolean("strict")
        guard let schema = try fields.object("schema") else {
            throw .invalid(fields.path("schema"), found: "nothing", required: "a JSON schema")
        }
        let value = JSONValue.object(schema)
        let text = value.text()
        guard text.utf8.count <= mostSchemaBytes else {
            throw .invalid(
                fields.path("schema"), found: "\(text.utf8.count) bytes", required: "at most \(mostSchemaBytes)")
        }
        return Schema(value: value, text: text)
    }

    private static func isName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
