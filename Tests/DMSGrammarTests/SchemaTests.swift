import DMSJSON
import DMSTestSupport
import Testing

@testable import DMSGrammar

/// Schemas as clients send them.
private let schemas: [String] = [
    #"{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"],"additionalProperties":false}"#,
    #"{"type":"object","properties":{"a":{"type":"number"},"b":{"type":"boolean"},"c":{"type":"null"}},"required":["b"]}"#,
    #"{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}}}"#,
    #"{"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":4}"#,
    #"{"type":"array","items":{"enum":["red","green",3,null,{"x":[1]}]},"minItems":1}"#,
    #"{"type":"array","maxItems":0}"#,
    #"{"anyOf":[{"type":"string","minLength":2,"maxLength":5},{"const":"a"},{"type":["integer","null"]}]}"#,
    ##"{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"value":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["value","next"]}}}"##,
    ##"{"type":"object","properties":{"children":{"type":"array","items":{"$ref":"#"}}},"required":["children"]}"##,
    #"{"type":"object","additionalProperties":{"type":"boolean"}}"#,
    #"{"type":"object","properties":{},"additionalProperties":false}"#,
    #"{"title":"anything"}"#,
    #"{"type":"string","minLength":3}"#,
    #"{"type":"object","properties":{"quote\"d/~é":{"allOf":[{"type":"integer"}]}},"required":["quote\"d/~é"]}"#,
]

@Suite("JSON by schema")
struct SchemaTests {
    @Test("Random texts of a schema's grammar are JSON that the schema accepts", arguments: schemas)
    func random(text: String) throws {
        let schema = try JSONReader.parse(text)
        let grammar = try Grammar(schema: schema)
        let validator = SchemaValidator(root: schema)
        let walk = GrammarWalk()
        var generator = SeededGenerator(seed: 7)
        var finished = Set<[UInt8]>()
        for _ in 0..<60 {
            guard let bytes = try walk.text(grammar, &generator) else { continue }
            finished.insert(bytes)
            let value = try readingAnyKeys(bytes)
            #expect(validator.accepts(value, schema), "\(String(decoding: bytes, as: UTF8.self))")
        }
        #expect(!finished.isEmpty)
    }

    @Test("Any object of random texts is JSON")
    func anyObject() throws {
        let walk = GrammarWalk()
        var generator = SeededGenerator(seed: 3)
        var finished = 0
        for _ in 0..<200 {
            guard let bytes = try walk.text(.jsonObject, &generator) else { continue }
            finished += 1
            #expect(try readingAnyKeys(bytes).objectValue != nil)
        }
        #expect(finished > 50)
    }

    /// A model may write a key twice, which is JSON, and the project's own reader refuses.
    private func readingAnyKeys(_ bytes: [UInt8]) throws -> JSONValue {
        do { return try JSONReader.parse(bytes) } catch {
            if error.message.contains("twice") || error.message.contains("duplicate") { return .object(JSONObject()) }
            throw error
        }
    }

    @Test(
        "What a schema demands can be written, and what it does not cannot",
        arguments: [
            (0, #"{"name":"Ada","age":36}"#, true), (0, #"{"name": "Ada", "age": 36}"#, true),
            (0, "{\n  \"name\": \"Ada\",\n  \"age\": 36\n}", true), (0, #"{"name":"Ada"}"#, false),
            (0, #"{"age":36,"name":"Ada"}"#, false), (0, #"{"name":"Ada","age":3.5}"#, false),
            (0, #"{"name":"Ada","age":036}"#, false), (0, #"{"name":"Ada","age":36,}"#, false),
            (1, #"{"b":true}"#, true), (1, #"{"a":-1.5e+3,"b":false,"c":null}"#, true), (1, #"{"a":1}"#, false),
            (2, "{}", true), (2, #"{"b":1}"#, true), (2, #"{,"b":1}"#, false), (2, #"{"x":1}"#, false),
            (3, "[1,2]", true), (3, "[1]", false), (3, "[1,2,3,4]", true), (3, "[1,2,3,4,5]", false),
            (4, #"[null,"red",{"x":[1]},3]"#, true), (4, "[]", false), (4, #"["blue"]"#, false),
            (5, "[]", true), (5, "[1]", false),
            (6, #""a""#, true), (6, #""b""#, false), (6, #""éé\n\u00e9""#, true), (6, #""abcdef""#, false),
            (6, "null", true), (6, "-0", true), (6, "--1", false),
            (7, #"{"value":1,"next":{"value":2,"next":null}}"#, true), (7, #"{"value":1}"#, false),
            (8, #"{"children":[{"children":[]},{"children":[]}]}"#, true),
            (9, #"{"x":true,"y":false}"#, true), (9, #"{"x":1}"#, false), (10, "{}", true), (10, #"{"x":1}"#, false),
            (11, #"[{"x":[true,"\ud83d\ude00",-1e9]},null]"#, true), (11, #""\ud83d""#, false),
            (11, #""\x""#, false), (12, #""ab""#, false), (12, #""abc\"""#, true),
        ])
    func given(schema: Int, text: String, isAllowed: Bool) throws {
        var automaton = GrammarAutomaton(try Grammar(schema: JSONReader.parse(schemas[schema])))
        var state = automaton.start
        for byte in text.utf8 where state != GrammarAutomaton.dead { state = automaton.step(state, byte) }
        #expect((state != GrammarAutomaton.dead && automaton.accepts(state)) == isAllowed)
    }

    @Test(
        "A schema that is not understood is refused, with the place",
        arguments: [
            (#"{"type":"string","pattern":"a+"}"#, "", "pattern"), (#"{"type":"float"}"#, "/type", "float"),
            (#"{"type":"object","properties":{"a/b":{"oneOf":[]}}}"#, "/properties/a~1b", "oneOf"),
            (#"{"type":"object","properties":{"a":true},"required":["b"]}"#, "/required", "\"b\""),
            (#"{"type":"array","items":false}"#, "/items", "false"),
            (#"{"type":"array","minItems":-1}"#, "/minItems", "-1"),
            (#"{"type":"array","minItems":3,"maxItems":2}"#, "/maxItems", "2"),
            (#"{"type":"array","maxItems":5000}"#, "/maxItems", "5000"),
            (##"{"$ref":"#/$defs/x"}"##, "/$ref", "nowhere"), (##"{"$ref":"#"}"##, "/$ref", "itself"),
            (##"{"$ref":"http://x"}"##, "/$ref", "http"), (#"{"anyOf":[]}"#, "/anyOf", "list"),
            (##"{"anyOf":[{"$ref":"#/anyOf/1"},{"$ref":"#/anyOf/0"}]}"##, "/anyOf/0/$ref", "itself"),
            (#"{"enum":[1],"type":"string"}"#, "/enum", "no value"), (#"{"enum":[]}"#, "/enum", "[]"),
            (#"{"type":"string","items":{}}"#, "", "items"), ("3", "", "integer"),
            (#"{"type":"object","properties":{"a":{}},"additionalProperties":{}}"#, "/additionalProperties", "schema"),
            ("{\"enum\":[\"\(String(repeating: "x", count: 400))\"],\"items\":1}", "", "items beside enum"),
            ("{\"type\":\"\(String(repeating: "x", count: 9000))\"}", "/type", "xxx…"),
        ])
    func refused(text: String, path: String, found: String) throws {
        let schema = try JSONReader.parse(text)
        let error = #expect(throws: SchemaError.self) { try Grammar(schema: schema) }
        #expect(error?.path == path)
        #expect(error?.description.contains(found) == true, "\(error?.description ?? "")")
    }
}
