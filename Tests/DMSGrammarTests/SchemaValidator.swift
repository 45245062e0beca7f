import DMSJSON

/// Says whether a value is valid by a schema, for the keywords that grammars know; written for checking them alone.
struct SchemaValidator {
    let root: JSONValue

    func accepts(_ value: JSONValue, _ schema: JSONValue) -> Bool {
        guard let object = schema.objectValue else { return schema.boolValue ?? false }
        if let name = object["$ref"]?.stringValue { return accepts(value, resolve(name)) }
        if let parts = object["anyOf"]?.arrayValue { return parts.contains { accepts(value, $0) } }
        if let parts = object["allOf"]?.arrayValue { return parts.allSatisfy { accepts(value, $0) } }
        if let values = object["enum"]?.arrayValue { return values.contains(value) }
        if let constant = object["const"] { return constant == value }
        if let type = object["type"] {
            let names = type.stringValue.map { [$0] } ?? type.arrayValue?.compactMap(\.stringValue) ?? []
            guard names.contains(where: { isOfType(value, $0) }) else { return false }
        }
        switch value {
        case .object(let members): return acceptsMembers(members, object)
        case .array(let items):
            return bounds(items.count, object, "minItems", "maxItems")
                && items.allSatisfy { item in object["items"].map { accepts(item, $0) } ?? true }
        case .string(let text):
            return bounds(text.unicodeScalars.count, object, "minLength", "maxLength")
        default: return true
        }
    }

    private func acceptsMembers(_ members: JSONObject, _ schema: JSONObject) -> Bool {
        let properties = schema["properties"]?.objectValue ?? JSONObject()
        let required = schema["required"]?.arrayValue?.compactMap(\.stringValue) ?? []
        guard required.allSatisfy({ members[$0] != nil }) else { return false }
        return members.entries.allSatisfy { name, value in
            if let own = properties[name] { return accepts(value, own) }
            return schema["additionalProperties"].map { accepts(value, $0) } ?? true
        }
    }

    private func bounds(_ count: Int, _ schema: JSONObject, _ least: String, _ most: String) -> Bool {
        (schema[least]?.integerValue).map { count >= $0 } ?? true
            && (schema[most]?.integerValue).map { count <= $0 } ?? true
    }

    private func isOfType(_ value: JSONValue, _ name: String) -> Bool {
        switch (name, value) {
        case ("object", .object), ("array", .array), ("string", .string), ("boolean", .bool), ("null", .null),
            ("number", .integer), ("number", .number), ("integer", .integer):
            true
        // An integer beyond 64 bits.
        case ("integer", .number(let number)): number == number.rounded()
        default: false
        }
    }

    private func resolve(_ name: String) -> JSONValue {
        name.dropFirst().split(separator: "/").reduce(root) { $0.objectValue?[String($1)] ?? .null }
    }
}
