public import DMSJSON

extension Grammar {
    /// The JSON texts that a schema describes, as OpenAI's structured outputs understand schemas.
    ///
    /// Understood are `type`, `enum`, `const`, `anyOf`, `allOf` of one schema, `$ref` into the schema itself,
    /// `properties`, `required`, `additionalProperties`, `items`, `minItems`, `maxItems`, `minLength` and `maxLength`.
    /// Properties are written in the order of the schema. What a schema leaves open is not always used: where it lists
    /// properties, no others are written. Keywords that only describe are skipped; all others are errors, for a text
    /// that ignores them would not be what was asked for.
    ///
    /// What a schema may cost is bounded: levels of schemas, references among them, alternatives, and the size of the
    /// grammar, to which every unit of a bound of length or count adds.
    ///
    /// - Throws: ``SchemaError`` with the place in the schema.
    /// - Complexity: O(the schema's size + the sum of its bounds).
    public init(schema: JSONValue) throws(SchemaError) {
        var compiler = SchemaCompiler(root: schema)
        let root = try compiler.compile(schema, at: "", leading: [])
        let rule = compiler.builder.define(root)
        try compiler.requireRoom(at: "")
        let grammar = compiler.builder.grammar(from: rule)
        if GrammarAutomaton(grammar).start == GrammarAutomaton.dead {
            throw SchemaError("", found: "too many ways to begin", required: "fewer alternatives")
        }
        self = grammar
    }
}

/// Turns schemas into expressions.
struct SchemaCompiler {
    let root: JSONValue
    var builder = GrammarBuilder()
    let rules: JSONRules
    private var references: [String: GrammarBuilder.Rule] = [:]
    /// Schemas that are being compiled, each within the one before.
    private var depth = 0
    /// Values of `enum`, schemas of `anyOf`, optional properties so far.
    private var alternatives = 0

    /// Schemas within schemas, through references as well; each takes its share of a thread's stack.
    static let deepestSchema = 64
    /// Each may be a reader of its own while a text is written.
    static let mostAlternatives = 1024

    /// Keywords that say nothing about which texts are valid here.
    private static let descriptive: Set<String> = [
        "$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "examples", "default",
        "deprecated", "readOnly", "writeOnly",
    ]
    private static let types = ["object", "array", "string", "number", "integer", "boolean", "null"]

    init(root: JSONValue) {
        self.root = root
        rules = JSONRules(&builder)
    }

    /// - Parameter leading: References followed on the way here without a byte in between.
    mutating func compile(
        _ schema: JSONValue, at path: String, leading: [String]
    ) throws(SchemaError) -> GrammarExpression {
        depth += 1
        defer { depth -= 1 }
        if depth > Self.deepestSchema {
            throw SchemaError(
                path, found: "more than \(Self.deepestSchema) schemas within each other, by way of references as well",
                required: "fewer")
        }
        try requireRoom(at: path)
        if schema.boolValue == true { return .rule(rules.value) }
        guard let object = schema.objectValue else {
            throw SchemaError(path, found: schema.boolValue == false ? "false" : schema.kind, required: "an object")
        }
        let keys = object.keys.filter { !Self.descriptive.contains($0) }
        for keyword in ["$ref", "anyOf", "allOf", "enum", "const"] {
            guard let value = object[keyword] else { continue }
            let companions = keyword == "enum" || keyword == "const" ? [keyword, "type"] : [keyword]
            // Whatever stands beside it would have to hold as well.
            if let other = keys.first(where: { !companions.contains($0) }) {
                throw SchemaError(path, found: "\(other) beside \(keyword)", required: "\(keyword) alone")
            }
            let place = "\(path)/\(keyword)"
            switch keyword {
            case "$ref": return try reference(value, at: place, leading: leading)
            case "anyOf": return try alternatives(value, at: place, leading: leading)
            case "allOf":
                guard let parts = value.arrayValue, parts.count == 1 else {
                    throw SchemaError(place, found: value.text(), required: "a list of one schema")
                }
                return try compile(parts[0], at: place + "/0", leading: leading)
            case "enum":
                guard let values = value.arrayValue, !values.isEmpty else {
                    throw SchemaError(place, found: value.text(), required: "a list of values")
                }
                return try literals(values, of: object["type"], at: path, place)
            default: return try literals([value], of: object["type"], at: path, place)
            }
        }
        return try typed(object, keys: keys, at: path)
    }

    // MARK: Bounds

    /// - Throws: ``SchemaError`` when the grammar has become too large.
    func requireRoom(at path: String) throws(SchemaError) {
        guard builder.isFull else { return }
        throw SchemaError(
            path, found: "a schema whose grammar has more than \(GrammarBuilder.mostNodes) nodes",
            required: "a smaller schema, or smaller bounds of lengths and counts")
    }

    mutating func countAlternatives(_ count: Int, at path: String) throws(SchemaError) {
        alternatives += count
        guard alternatives > Self.mostAlternatives else { return }
        throw SchemaError(
            path, found: "more than \(Self.mostAlternatives) alternatives in all",
            required: "fewer values of enum, schemas of anyOf and optional properties")
    }

    // MARK: Combinations

    private mutating func alternatives(
        _ value: JSONValue, at path: String, leading: [String]
    ) throws(SchemaError) -> GrammarExpression {
        guard let parts = value.arrayValue, !parts.isEmpty else {
            throw SchemaError(path, found: value.kind, required: "a list of schemas")
        }
        try countAlternatives(parts.count, at: path)
        var choices: [GrammarExpression] = []
        for (index, part) in parts.enumerated() {
            choices.append(try compile(part, at: "\(path)/\(index)", leading: leading))
        }
        return .choice(choices)
    }

    private mutating func literals(
        _ values: [JSONValue], of type: JSONValue?, at path: String, _ place: String
    ) throws(SchemaError) -> GrammarExpression {
        var allowed = values
        if let type {
            let names = try Self.typeNames(type, at: path)
            allowed.removeAll { value in !names.contains { Self.isValue(value, of: $0) } }
        }
        guard !allowed.isEmpty else {
            throw SchemaError(place, found: "no value of the type", required: "at least one")
        }
        try countAlternatives(allowed.count, at: place)
        return .choice(allowed.map { .literal($0.text()) })
    }

    private mutating func reference(
        _ value: JSONValue, at path: String, leading: [String]
    ) throws(SchemaError) -> GrammarExpression {
        guard let name = value.stringValue, name == "#" || name.hasPrefix("#/") else {
            throw SchemaError(path, found: value.text(), required: "# or a pointer into this schema, #/…")
        }
        if leading.contains(name) {
            throw SchemaError(path, found: "\(name), which is itself", required: "something in between")
        }
        if let known = references[name] { return .rule(known) }
        let rule = builder.declare()
        references[name] = rule
        let target = try resolve(name, at: path)
        builder.define(rule, try compile(target, at: String(name.dropFirst()), leading: leading + [name]))
        return .rule(rule)
    }

    private func resolve(_ name: String, at path: String) throws(SchemaError) -> JSONValue {
        var value = root
        for part in name.dropFirst().split(separator: "/") {
            let key = String(part).replacing("~1", with: "/").replacing("~0", with: "~")
            let next =
                value.objectValue?[key]
                ?? value.arrayValue.flatMap { list in
                    Int(key).flatMap { list.indices.contains($0) ? list[$0] : nil }
                }
            guard let next else {
                throw SchemaError(path, found: "\(name), which leads nowhere", required: "a schema")
            }
            value = next
        }
        return value
    }

    // MARK: Types

    private mutating func typed(
        _ object: JSONObject, keys: [String], at path: String
    ) throws(SchemaError) -> GrammarExpression {
        if keys.isEmpty { return .rule(rules.value) }
        let names: [String]
        if let type = object["type"] {
            names = try Self.typeNames(type, at: path)
        } else if keys.contains(where: { Self.objectKeywords.contains($0) }) {
            names = ["object"]
        } else if keys.contains(where: { Self.arrayKeywords.contains($0) }) {
            names = ["array"]
        } else if keys.contains(where: { Self.stringKeywords.contains($0) }) {
            names = ["string"]
        } else {
            names = []
        }
        let known = names.reduce(into: Set(["type"])) { $0.formUnion(Self.keywords(of: $1)) }
        if let unknown = keys.first(where: { !known.contains($0) }) {
            throw SchemaError(
                path, found: "the keyword \"\(unknown)\"",
                required: "one that is understood: "
                    + (["$ref", "anyOf", "allOf", "enum", "const"] + known.sorted()).joined(separator: ", "))
        }
        var choices: [GrammarExpression] = []
        for name in names { choices.append(try expression(of: name, object, at: path)) }
        return choices.count == 1 ? choices[0] : .choice(choices)
    }

    private mutating func expression(
        of type: String, _ object: JSONObject, at path: String
    ) throws(SchemaError) -> GrammarExpression {
        switch type {
        case "object": try self.object(object, at: path)
        case "array": try array(object, at: path)
        case "string": try string(object, at: path)
        case "number": .rule(rules.number)
        case "integer": .rule(rules.integer)
        case "boolean": .choice([.literal("true"), .literal("false")])
        default: .literal("null")
        }
    }

    static let objectKeywords: Set<String> = ["properties", "required", "additionalProperties"]
    static let arrayKeywords: Set<String> = ["items", "minItems", "maxItems"]
    static let stringKeywords: Set<String> = ["minLength", "maxLength"]

    private static func keywords(of type: String) -> Set<String> {
        switch type {
        case "object": objectKeywords
        case "array": arrayKeywords
        case "string": stringKeywords
        default: []
        }
    }

    private static func typeNames(_ value: JSONValue, at path: String) throws(SchemaError) -> [String] {
        let names = value.stringValue.map { [$0] } ?? value.arrayValue?.compactMap(\.stringValue) ?? []
        let count = value.arrayValue?.count ?? 1
        guard !names.isEmpty, names.count == count, names.allSatisfy(types.contains), Set(names).count == count else {
            throw SchemaError(
                path + "/type", found: value.text(),
                required: "one or several of " + types.joined(separator: ", "))
        }
        return names
    }

    private static func isValue(_ value: JSONValue, of type: String) -> Bool {
        switch type {
        case "object": value.objectValue != nil
        case "array": value.arrayValue != nil
        case "string": value.stringValue != nil
        case "integer": value.integerValue != nil
        case "number": value.doubleValue != nil
        case "boolean": value.boolValue != nil
        default: value.isNull
        }
    }
}
