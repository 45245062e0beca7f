import DMSJSON
import Testing

@testable import DMSGrammar

/// Schemas that ask for too much, and such that ask for much.
@Suite("Bounds of schemas")
struct SchemaBoundTests {
    private static func grammar(_ text: String) throws -> Grammar { try Grammar(schema: JSONReader.parse(text)) }

    private static func properties(_ count: Int, required: Bool) -> String {
        let names = (0..<count).map { "\"p\($0)\"" }
        let members = names.map { "\($0):{\"type\":\"integer\"}" }.joined(separator: ",")
        let list = required ? ",\"required\":[\(names.joined(separator: ","))]" : ""
        return "{\"type\":\"object\",\"properties\":{\(members)}\(list)}"
    }

    @Test("The size of a grammar is bounded, whatever adds up to it")
    func nodes() throws {
        let string = #"{"type":"string","maxLength":4096}"#
        _ = try Self.grammar(#"{"type":"array","items":\#(string),"maxItems":4096}"#)
        let many = (0..<3000).map { "\"p\($0)\":\(string)" }.joined(separator: ",")
        let names = (0..<3000).map { "\"p\($0)\"" }.joined(separator: ",")
        let error = #expect(throws: SchemaError.self) {
            try Self.grammar("{\"properties\":{\(many)},\"required\":[\(names)]}")
        }
        #expect(error?.found.contains("32768 nodes") == true)
        // Where the last of a schema is what is too much.
        #expect(throws: SchemaError.self) {
            try Self.grammar("{\"const\":\"\(String(repeating: "x", count: 40_000))\"}")
        }
    }

    @Test("Alternatives are bounded in all, and many are well")
    func alternatives() throws {
        _ = try Self.grammar(Self.properties(1000, required: false))
        _ = try Self.grammar(Self.properties(2000, required: true))
        #expect(throws: SchemaError.self) { try Self.grammar(Self.properties(2000, required: false)) }
        let values = (0..<1000).map { "\"v\($0)\"" }.joined(separator: ",")
        _ = try Self.grammar("{\"enum\":[\(values)]}")
        let error = #expect(throws: SchemaError.self) {
            try Self.grammar("{\"anyOf\":[{\"enum\":[\(values)]},{\"enum\":[\(values)]}]}")
        }
        #expect(error?.path == "/anyOf/1/enum")
    }

    @Test("Levels are bounded, also those that references make")
    func depth() throws {
        func chain(_ count: Int) -> String {
            let links = (0..<count).map { "\"d\($0)\":{\"$ref\":\"#/$defs/d\($0 + 1)\"}" }.joined(separator: ",")
            return "{\"$ref\":\"#/$defs/d0\",\"$defs\":{\(links),\"d\(count)\":{\"type\":\"null\"}}}"
        }
        _ = try Self.grammar(chain(60))
        let error = #expect(throws: SchemaError.self) { try Self.grammar(chain(5000)) }
        #expect(error?.found.contains("64 schemas") == true)
    }

    @Test("Too many ways to begin are refused at once, and to go on when they come up")
    func ambiguity() throws {
        func strings(_ count: Int, after: String) -> String {
            let parts = (1...count).map { "{\"type\":\"string\",\"maxLength\":\($0 % 30)}" }.joined(separator: ",")
            return after.replacing("X", with: "{\"anyOf\":[\(parts)]}")
        }
        let walk = GrammarWalk()
        let grammar = try Self.grammar(strings(500, after: #"{"type":"array","items":X}"#))
        var constraint = OutputConstraint(TokenGrammar(grammar, walk.index), endTokens: [GrammarWalk.end])
        // Each of five hundred strings has a dozen ways to go on, so that after a quotation mark nothing can follow.
        constraint.append(Int32(UInt8(ascii: "[")) + 1)
        let allowed = try constraint.allowed()
        #expect(allowed.contains(Int32(UInt8(ascii: "]")) + 1))
        #expect(!allowed.contains(Int32(UInt8(ascii: "\"")) + 1))
        let part =
            #"{"type":["string","array","object"],"maxLength":0,"maxItems":0,"properties":{"a":{}},"required":["a"]}"#
        let parts = [String](repeating: part, count: 800).joined(separator: ",")
        let error = #expect(throws: SchemaError.self) { try Self.grammar("{\"anyOf\":[\(parts)]}") }
        #expect(error?.found.contains("too many ways") == true)
    }
}
