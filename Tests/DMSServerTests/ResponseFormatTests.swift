import DMSEngine
import DMSGrammar
import DMSJSON
import Testing

@testable import DMSServer

/// Answers that have to be JSON.
@Suite("Response formats")
struct ResponseFormatTests {
    private static func format(_ text: String, _ rest: String = "") throws -> ResponseFormat {
        let message = #"{"role": "user", "content": "x"}"#
        let body = "{\"model\": \"m\", \"messages\": [\(message)], \"response_format\": \(text)\(rest)}"
        let request = try ChatRequest(try Fields.parse(Array(body.utf8)), limits: ServerLimits())
        let completion = "{\"model\": \"m\", \"prompt\": \"x\", \"response_format\": \(text)\(rest)}"
        let other = try CompletionRequest(try Fields.parse(Array(completion.utf8)), limits: ServerLimits())
        #expect(request.options.responseFormat == other.options.responseFormat)
        return request.options.responseFormat
    }

    private static func schema(_ schema: String, name: String = "answer") -> String {
        "{\"type\": \"json_schema\", \"json_schema\": {\"name\": \"\(name)\", \"schema\": \(schema), \"strict\": true}}"
    }

    @Test("formats in all their forms")
    func forms() throws {
        #expect(try Self.format("null") == .text)
        #expect(try Self.format(#"{"type": "text"}"#) == .text)
        #expect(try Self.format(#"{"type": "json_object", "json_schema": null}"#) == .jsonObject)
        guard case .jsonSchema(let schema) = try Self.format(Self.schema(#"{ "type" : "null" }"#)) else {
            Issue.record("no schema")
            return
        }
        #expect(schema.text == #"{"type":"null"}"#)
        for strict in ["false", "null"] {
            let inner =
                "\"name\": \"a\", \"description\": \"b\", \"schema\": {\"type\": \"null\"}, \"strict\": \(strict)"
            let text = "{\"type\": \"json_schema\", \"json_schema\": {\(inner)}}"
            #expect(try Self.format(text) == .jsonSchema(schema))
        }
    }

    @Test(
        "what cannot be served is refused by name",
        arguments: [
            ("3", "response_format"), ("{}", "response_format.type"), (#"{"type": "xml"}"#, "response_format.type"),
            (#"{"type": "text", "json_schema": {}}"#, "response_format.json_schema"),
            (#"{"type": "json_object", "json_schema": {}}"#, "response_format.json_schema"),
            (#"{"type": "json_object", "x": 1}"#, "response_format.x"),
            (#"{"type": "json_schema"}"#, "response_format.json_schema"),
            (#"{"type": "json_schema", "json_schema": {"schema": {}}}"#, "response_format.json_schema.name"),
            (
                #"{"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}}"#,
                "response_format.json_schema.name"
            ),
            (#"{"type": "json_schema", "json_schema": {"name": "a"}}"#, "response_format.json_schema.schema"),
            (
                #"{"type": "json_schema", "json_schema": {"name": "a", "schema": true}}"#,
                "response_format.json_schema.schema"
            ),
            (
                #"{"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "strict": 1}}"#,
                "response_format.json_schema.strict"
            ),
            (
                #"{"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "y": 1}}"#,
                "response_format.json_schema.y"
            ),
        ])
    func refusals(text: String, parameter: String) throws {
        let error = try #require(throws: APIError.self) { try Self.format(text) }
        #expect(error.status == 400 && error.parameter == parameter, "\(error)")
    }

    @Test("a schema that is too large, and a format beside what takes its end away")
    func combinations() throws {
        let large = Self.schema("{\"const\": \"\(String(repeating: "x", count: 140_000))\"}")
        let error = try #require(throws: APIError.self) { try Self.format(large) }
        #expect(error.parameter == "response_format.json_schema.schema")
        let endless = try #require(throws: APIError.self) {
            try Self.format(#"{"type": "json_object"}"#, ", \"ignore_eos\": true")
        }
        #expect(endless.parameter == "ignore_eos")
        #expect(try Self.format(#"{"type": "text"}"#, ", \"ignore_eos\": true") == .text)
    }

    @Test("schemas are kept, and what is not understood is named with its place")
    func cache() throws {
        let cache = GrammarCache()
        let format = try Self.format(Self.schema(#"{"type": "integer"}"#))
        let grammar = try #require(try cache.grammar(format))
        #expect(try cache.grammar(format) == grammar)
        #expect(try cache.grammar(.text) == nil)
        #expect(try cache.grammar(.jsonObject) == .jsonObject)
        let wrong = try Self.format(Self.schema(#"{"properties": {"a": {"type": "string", "pattern": "x"}}}"#))
        let error = try #require(throws: APIError.self) { try cache.grammar(wrong) }
        #expect(error.parameter == "response_format.json_schema.schema" && error.code == "invalid_json_schema")
        #expect(error.message.contains(".schema/properties/a: found the keyword \"pattern\""))
        #expect(APIError(ConstraintError.deadEnd).status == 400)
        #expect(APIError(ConstraintError.deadEnd).parameter == "response_format")
    }

    // MARK: With a server

    private static let person = schema(
        #"{"type": "object", "properties": {"name": {"enum": ["Ada", "Bob"]}, "adult": {"type": "boolean"}}, "#
            + #""required": ["name", "adult"], "additionalProperties": false}"#)

    private static func requirePerson(_ text: String?) throws {
        let object = try #require(try JSONReader.parse(text ?? "").objectValue)
        #expect(object.keys == ["name", "adult"])
        #expect(object["name"] == .string("Ada") || object["name"] == .string("Bob"))
        #expect(object["adult"]?.boolValue != nil)
    }

    @Test("chats and text completions, whole, streamed, and several at a time")
    func answers() async throws {
        try await Serving.withClient { client in
            let fields = "\"max_tokens\": 300, \"response_format\": \(Self.person)"
            let chat = try await client.chat(fields).json.choice()
            let content = chat["message"]?.objectValue?["content"]?.stringValue
            try Self.requirePerson(content)
            #expect(chat["finish_reason"] == .string("stop"))
            let events = try await client.chat(fields + ", \"stream\": true").events
            let streamed = events.compactMap {
                $0["choices"]?.arrayValue?.first?.objectValue?["delta"]?.objectValue?["content"]?.stringValue
            }.joined()
            #expect(streamed == content)
            let sampled = try await client.complete(fields + ", \"temperature\": 2, \"n\": 4, \"seed\": 3").json
            var texts: Set<String> = []
            for index in 0..<4 {
                let choice = try sampled.choice(index)
                try Self.requirePerson(choice["text"]?.stringValue)
                #expect(choice["finish_reason"] == .string("stop"))
                texts.insert(choice["text"]?.stringValue ?? "")
            }
            #expect(texts.count > 1)
            let again = try await client.complete(fields + ", \"temperature\": 2, \"n\": 4, \"seed\": 3").json
            #expect(again["choices"] == sampled["choices"])
        }
    }

    @Test("any object, with log-probabilities that are the model's own")
    func object() async throws {
        try await Serving.withClient { client in
            let fields = "\"max_tokens\": 40, \"logprobs\": 2, \"response_format\": {\"type\": \"json_object\"}"
            let choice = try await client.complete(fields).json.choice()
            #expect(choice["text"]?.stringValue?.hasPrefix("{") == true)
            let logprobs = try #require(choice["logprobs"]?.objectValue)
            let first = logprobs["token_logprobs"]?.arrayValue?.first?.doubleValue ?? 0
            let top = logprobs["top_logprobs"]?.arrayValue?.first?.objectValue?.entries ?? []
            let best = top.compactMap(\.value.doubleValue)
            let free = try await client.complete("\"max_tokens\": 1, \"logprobs\": 2, \"ignore_eos\": true").json
            let values = try free.choice()["logprobs"]?.objectValue?["token_logprobs"]?.arrayValue
            let freely = values?.first?.doubleValue
            // The brace is not what the model would have said, and what it would have is still told.
            #expect(best.max() == freely && first < freely ?? -1e9)
        }
    }

    @Test("a schema that is not understood, and one whose text has no end")
    func errors() async throws {
        try await Serving.withClient { client in
            let answer = try await client.chat(
                "\"response_format\": \(Self.schema(#"{"type": "object", "oneOf": []}"#))")
            #expect(answer.status == 400)
            #expect(try answer.error["param"] == .string("response_format.json_schema.schema"))
            let endless = Self.schema(##"{"properties": {"a": {"$ref": "#"}}, "required": ["a"]}"##)
            let bias = "{\"34\": -100, \"12\": -100}"
            let fields = "\"max_tokens\": 4000, \"logit_bias\": \(bias), \"response_format\": \(endless)"
            let dead = try await client.complete(fields)
            #expect(dead.status == 400)
            #expect(try dead.error["code"] == .string("response_format_dead_end"))
            let events = try await client.complete(fields + ", \"stream\": true").events
            #expect(events.last?["error"]?.objectValue?["code"] == .string("response_format_dead_end"))
        }
    }
}
