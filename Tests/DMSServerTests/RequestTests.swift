import DMSEngine
import DMSJSON
import Testing

@testable import DMSServer

/// What bodies mean, without a server.
@Suite("Requests")
struct RequestTests {
    private static func completion(_ fields: String) throws -> CompletionRequest {
        let text = "{\"model\": \"m\", \"prompt\": \"p\"\(fields.isEmpty ? "" : ", ")\(fields)}"
        return try CompletionRequest(try Fields.parse(Array(text.utf8)), limits: ServerLimits())
    }

    private static func chat(_ fields: String, messages: String = #"[{"role": "user", "content": "hi"}]"#) throws
        -> ChatRequest
    {
        let text = "{\"model\": \"m\", \"messages\": \(messages)\(fields.isEmpty ? "" : ", ")\(fields)}"
        return try ChatRequest(try Fields.parse(Array(text.utf8)), limits: ServerLimits())
    }

    private static func failure<Value>(_ body: () throws -> Value) throws -> APIError {
        try #require(throws: APIError.self) { _ = try body() }
    }

    @Test("what is not said has OpenAI's defaults")
    func defaults() throws {
        let request = try Self.completion("")
        #expect(request.maximumTokens == 16)
        #expect(request.options.choices == 1 && !request.options.streams && !request.echoes)
        #expect(request.options.sampling == SamplingFields())
        #expect(request.logProbabilities == nil)
        let parameters = try request.options.sampling.parameters(SamplingDefaults(), seed: 7, choice: 0)
        #expect(parameters.temperature == 1 && parameters.topP == 1 && parameters.topK == nil && parameters.seed == 7)
        let chat = try Self.chat("")
        #expect(chat.maximumTokens == nil && chat.logProbabilities == nil)
    }

    @Test("null is as good as nothing, for every field")
    func null() throws {
        for key in CompletionRequest.keys where !["model", "prompt"].contains(key) {
            #expect(try Self.completion("\"\(key)\": null") == Self.completion(""), "\(key)")
        }
        for key in ChatRequest.keys where !["model", "messages"].contains(key) {
            #expect(try Self.chat("\"\(key)\": null") == Self.chat(""), "\(key)")
        }
    }

    @Test("every sampling field arrives")
    func sampling() throws {
        let request = try Self.completion(
            #""temperature": 0.5, "top_p": 0.9, "top_k": 5, "min_p": 0.1, "repetition_penalty": 1.2, "#
                + #""presence_penalty": -1, "frequency_penalty": 2, "logit_bias": {"3": -100, "4": 1.5}, "seed": -1"#)
        let parameters = try request.options.sampling.parameters(SamplingDefaults(), seed: .max, choice: 2)
        #expect(parameters.temperature == 0.5 && parameters.topP == 0.9 && parameters.topK == 5)
        #expect(parameters.minP == 0.1 && parameters.repetitionPenalty == 1.2)
        #expect(parameters.presencePenalty == -1 && parameters.frequencyPenalty == 2)
        #expect(parameters.logitBias == [3: -100, 4: 1.5])
        // The seed after the largest is the smallest.
        #expect(parameters.seed == 1)
        #expect(request.options.sampling.seed == -1)
        #expect(try Self.completion("\"top_k\": -1").options.sampling.topK == 0)
    }

    @Test(
        "values out of range or of another kind are refused by name",
        arguments: [
            ("\"temperature\": 2.1", "temperature"), ("\"temperature\": -0.1", "temperature"),
            ("\"temperature\": NaN", "temperature"), ("\"temperature\": Infinity", "temperature"),
            ("\"temperature\": \"1\"", "temperature"), ("\"top_p\": 1.5", "top_p"), ("\"min_p\": -1", "min_p"),
            ("\"top_k\": -2", "top_k"), ("\"top_k\": 1.5", "top_k"),
            ("\"repetition_penalty\": 0", "repetition_penalty"),
            ("\"presence_penalty\": 3", "presence_penalty"), ("\"frequency_penalty\": -2.5", "frequency_penalty"),
            ("\"seed\": 1.5", "seed"), ("\"n\": 0", "n"), ("\"n\": 17", "n"), ("\"n\": 1e9", "n"),
            ("\"max_tokens\": 0", "max_tokens"), ("\"max_tokens\": -1", "max_tokens"),
            ("\"max_tokens\": 9223372036854775807", "max_tokens"), ("\"max_tokens\": true", "max_tokens"),
            ("\"logprobs\": 21", "logprobs"), ("\"logprobs\": true", "logprobs"), ("\"echo\": 1", "echo"),
            ("\"stream\": \"yes\"", "stream"), ("\"stop\": 3", "stop"), ("\"stop\": \"\"", "stop"),
            ("\"stop\": [\"a\", 1]", "stop"), ("\"logit_bias\": {\"x\": 1}", "logit_bias"),
            ("\"logit_bias\": {\"01\": 1}", "logit_bias"), ("\"logit_bias\": {\"-1\": 1}", "logit_bias"),
            ("\"logit_bias\": {\"1\": 101}", "logit_bias.1"), ("\"logit_bias\": []", "logit_bias"),
            ("\"stream_options\": {\"include_usage\": true}", "stream_options"),
            ("\"stream\": true, \"stream_options\": {\"x\": 1}", "stream_options.x"), ("\"user\": 3", "user"),
            ("\"store\": true", "store"), ("\"metadata\": \"x\"", "metadata"), ("\"suffix\": \"x\"", "suffix"),
            ("\"best_of\": 2", "best_of"),
        ])
    func refusals(fields: String, parameter: String) throws {
        let error = try Self.failure { try Self.completion(fields) }
        #expect(error.status == 400 && error.parameter == parameter, "\(error)")
        #expect(error.message.contains(parameter))
    }

    @Test("unknown fields are refused by name")
    func unknown() throws {
        let error = try Self.failure { try Self.completion("\"min_tokens\": 3") }
        #expect(error.status == 400 && error.parameter == "min_tokens" && error.code == "unknown_parameter")
        #expect(try Self.failure { try Self.chat("\"prompt\": \"x\"") }.parameter == "prompt")
        #expect(try Self.failure { try Self.completion("\"messages\": []") }.parameter == "messages")
    }

    @Test(
        "bodies that are not one JSON object",
        arguments: ["", "[]", "{", "{\"a\": 1} x", "{\"a\": 1, \"a\": 1}", "\u{0}", "\"text\"", "{\"a\": \"\u{1}\"}"])
    func broken(body: String) throws {
        let error = try Self.failure { try Fields.parse(Array(body.utf8)) }
        #expect(error.status == 400 && error.code == "invalid_json")
    }

    @Test("nesting has an end")
    func depth() throws {
        let deep = String(repeating: "[", count: 100_000)
        let error = try Self.failure { try Fields.parse(Array("{\"a\": \(deep)".utf8)) }
        #expect(error.message.contains("nesting deeper than 32"))
    }

    @Test("prompts in all their forms")
    func prompts() throws {
        func prompts(_ prompt: String, _ rest: String = "") throws -> [CompletionRequest.Prompt] {
            let text = "{\"model\": \"m\", \"prompt\": \(prompt)\(rest)}"
            return try CompletionRequest(try Fields.parse(Array(text.utf8)), limits: ServerLimits()).prompts
        }
        #expect(try prompts("\"a\"") == [.text("a")])
        #expect(try prompts("[\"a\", \"b\"]") == [.text("a"), .text("b")])
        #expect(try prompts("[1, 2]") == [.tokens([1, 2])])
        #expect(try prompts("[[1], [2, 3]]") == [.tokens([1]), .tokens([2, 3])])
        for wrong in ["null", "\"\"", "[]", "[[]]", "[\"\"]", "{}", "[1, \"a\"]", "[[\"a\"]]", "[4294967296]"] {
            let error = try Self.failure { try prompts(wrong) }
            #expect(error.parameter?.hasPrefix("prompt") == true, "\(wrong)")
        }
        let many = "[" + [String](repeating: "\"a\"", count: 9).joined(separator: ",") + "]"
        #expect(try Self.failure { try prompts(many, ", \"n\": 2") }.parameter == "n")
    }

    @Test("messages in all their forms")
    func messages() throws {
        let request = try Self.chat(
            "",
            messages: """
                [{"role": "developer", "content": "a"},
                {"role": "user", "content": [{"type": "text", "text": "b"}, {"type": "text", "text": "c"}]},
                {"role": "assistant", "content": "d", "refusal": null, "tool_calls": [], "annotations": []}]
                """)
        #expect(
            request.messages == [
                ChatMessage(role: .system, content: "a"), ChatMessage(role: .user, content: "bc"),
                ChatMessage(role: .assistant, content: "d"),
            ])
    }

    @Test(
        "messages that cannot be served",
        arguments: [
            ("[]", "messages"), ("null", "messages"), ("[1]", "messages[0]"), ("[{}]", "messages[0].role"),
            (#"[{"role": "user"}]"#, "messages[0].content"),
            (#"[{"role": "tool", "content": "x"}]"#, "messages[0].role"),
            (#"[{"role": "user", "content": "x", "name": "joe"}]"#, "messages[0].name"),
            (#"[{"role": "user", "content": "x", "weight": 1}]"#, "messages[0].weight"),
            (#"[{"role": "user", "content": []}]"#, "messages[0].content"),
            (
                #"[{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]"#,
                "messages[0].content[0].type"
            ),
            (
                #"[{"role": "assistant", "content": "x", "tool_calls": [{"id": "1"}]}]"#, "messages[0].tool_calls"
            ),
        ])
    func wrongMessages(messages: String, parameter: String) throws {
        #expect(try Self.failure { try Self.chat("", messages: messages) }.parameter == parameter)
    }

    @Test(
        "chat options that cannot be served",
        arguments: [
            ("\"tools\": [{}]", "tools"), ("\"tool_choice\": \"required\"", "tool_choice"),
            ("\"tool_choice\": {}", "tool_choice"), ("\"modalities\": [\"audio\"]", "modalities"),
            ("\"top_logprobs\": 3", "top_logprobs"), ("\"logprobs\": 3", "logprobs"),
            ("\"reasoning_effort\": \"low\"", "reasoning_effort"),
            ("\"max_tokens\": 3, \"max_completion_tokens\": 4", "max_tokens"), ("\"echo\": true", "echo"),
            ("\"service_tier\": \"priority\"", "service_tier"),
        ])
    func wrongChatOptions(fields: String, parameter: String) throws {
        #expect(try Self.failure { try Self.chat(fields) }.parameter == parameter)
    }

    @Test("fields that clients send and that change nothing are accepted")
    func accepted() throws {
        let request = try Self.chat(
            """
            "user": "u", "metadata": {"a": "b"}, "store": false, "service_tier": "auto", "tools": [],
            "tool_choice": "none", "parallel_tool_calls": true, "modalities": ["text"],
            "response_format": {"type": "text"}, "max_completion_tokens": 5, "logprobs": true, "top_logprobs": 2
            """)
        #expect(request.maximumTokens == 5 && request.logProbabilities == 2)
        #expect(try Self.chat("\"logprobs\": true").logProbabilities == 0)
        let echoed = try Self.completion("\"echo\": true, \"logprobs\": 1")
        #expect(echoed.echoes && echoed.logProbabilities == 1)
        #expect(try Self.completion("\"best_of\": 2, \"n\": 2, \"suffix\": \"\"").options.choices == 2)
    }
}
