import DMSJSON

/// Objects, arrays and strings.
extension SchemaCompiler {
    /// The largest bound of a length or a count: each unit is a node of the grammar.
    static let largestBound = 4096

    mutating func object(_ object: JSONObject, at path: String) throws(SchemaError) -> GrammarExpression {
        let additional = object["additionalProperties"]
        guard let properties = object["properties"] else {
            if let required = object["required"], required.arrayValue?.isEmpty != true {
                throw SchemaError(path + "/required", found: required.text(), required: "properties of these names")
            }
            return try map(of: additional, at: path)
        }
        guard let entries = properties.objectValue else {
            throw SchemaError(path + "/properties", found: properties.kind, required: "an object")
        }
        if let additional, additional.boolValue == nil {
            throw SchemaError(
                path + "/additionalProperties", found: "a schema beside properties", required: "true or false")
        }
        let required = try requiredNames(object["required"], of: entries, at: path)
        if entries.isEmpty { return .sequence([.literal("{"), .rule(rules.space), .literal("}")]) }
        var members: [(expression: GrammarExpression, isRequired: Bool)] = []
        for (name, schema) in entries.entries {
            let place = "\(path)/properties/" + name.replacing("~", with: "~0").replacing("/", with: "~1")
            let value = try compile(schema, at: place, leading: [])
            let member = GrammarExpression.sequence([
                .literal(JSONValue.string(name).text() + ":"), .rule(rules.space), value,
            ])
            members.append((.rule(builder.define(member)), required.contains(name)))
        }
        try countAlternatives(members.count { !$0.isRequired }, at: path + "/properties")
        return .sequence([
            .literal("{"), .rule(rules.space), list(members), .rule(rules.space), .literal("}"),
        ])
    }

    /// Members in their order, optional ones there or not, with a comma between each two.
    private mutating func list(
        _ members: [(expression: GrammarExpression, isRequired: Bool)]
    ) -> GrammarExpression {
        // From the last to the first: what may follow when a member stands before, and when none does.
        var after = GrammarBuilder.Rule?.none
        var first = GrammarExpression.sequence([])
        for member in members.reversed() {
            let rest = after.map { GrammarExpression.rule($0) } ?? .sequence([])
            let with = GrammarExpression.sequence([member.expression, rest])
            // A rule, for expressions within expressions take their share of a thread's stack.
            first = member.isRequired ? with : .rule(builder.define(.choice([with, first])))
            let separated = GrammarExpression.sequence([.literal(","), .rule(rules.space), member.expression, rest])
            after = builder.define(member.isRequired ? separated : .choice([separated, rest]))
        }
        return first
    }

    private func requiredNames(
        _ value: JSONValue?, of properties: JSONObject, at path: String
    ) throws(SchemaError) -> Set<String> {
        guard let value else { return [] }
        let names = value.arrayValue?.compactMap(\.stringValue) ?? []
        guard let list = value.arrayValue, names.count == list.count else {
            throw SchemaError(path + "/required", found: value.text(), required: "a list of names")
        }
        if let unknown = names.first(where: { properties[$0] == nil }) {
            throw SchemaError(path + "/required", found: "\"\(unknown)\"", required: "a name of the properties")
        }
        return Set(names)
    }

    /// An object with any names, whose values are of one schema.
    private mutating func map(of schema: JSONValue?, at path: String) throws(SchemaError) -> GrammarExpression {
        guard let schema, schema.boolValue != true else { return .rule(rules.object) }
        if schema.boolValue == false { return .sequence([.literal("{"), .rule(rules.space), .literal("}")]) }
        let value = try compile(schema, at: path + "/additionalProperties", leading: [])
        let member = builder.define(.sequence([.rule(rules.string), .literal(":"), .rule(rules.space), value]))
        return JSONRules.list("{", "}", of: .rule(member), count: nil, space: rules.space)
    }

    mutating func array(_ object: JSONObject, at path: String) throws(SchemaError) -> GrammarExpression {
        let count = try bounds("minItems", "maxItems", object, at: path)
        let item: GrammarExpression =
            if let items = object["items"] {
                .rule(builder.define(try compile(items, at: path + "/items", leading: [])))
            } else {
                .rule(rules.value)
            }
        return JSONRules.list("[", "]", of: item, count: count, space: rules.space)
    }

    mutating func string(_ object: JSONObject, at path: String) throws(SchemaError) -> GrammarExpression {
        guard let length = try bounds("minLength", "maxLength", object, at: path) else { return .rule(rules.string) }
        let character = GrammarExpression.rule(rules.character)
        let characters: GrammarExpression =
            if let most = length.most {
                .times(length.least...most, character)
            } else {
                .sequence([.times(length.least...length.least, character), .repeated(character)])
            }
        return .sequence([.literal("\""), characters, .literal("\"")])
    }

    private func bounds(
        _ least: String, _ most: String, _ object: JSONObject, at path: String
    ) throws(SchemaError) -> (least: Int, most: Int?)? {
        var found: [Int?] = []
        for key in [least, most] {
            guard let value = object[key] else {
                found.append(nil)
                continue
            }
            guard let number = value.integerValue, (0...Int64(Self.largestBound)).contains(number) else {
                throw SchemaError(
                    "\(path)/\(key)", found: value.text(), required: "an integer, 0 to \(Self.largestBound)")
            }
            found.append(Int(number))
        }
        if found[0] == nil && found[1] == nil { return nil }
        let lower = found[0] ?? 0
        if let upper = found[1], upper < lower {
            throw SchemaError("\(path)/\(most)", found: "\(upper)", required: "\(least), \(lower), or more")
        }
        return (lower, found[1])
    }
}
