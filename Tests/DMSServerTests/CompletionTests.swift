import DMSEngine
import DMSJSON
import DMSTokenizer
import HTTPTypes
import Testing

@testable import DMSServer

/// Answers of `/v1/completions` and `/v1/chat/completions`.
@Suite("Answers")
struct CompletionTests {
    private static func texts(_ events: [JSONObject], choice: Int = 0) -> String {
        events.compactMap { event in
            event["choices"]?.arrayValue?.first?.objectValue.flatMap { object in
                guard object["index"] == .integer(Int64(choice)) else { return nil }
                return object["text"]?.stringValue ?? object["delta"]?.objectValue?["content"]?.stringValue
            }
        }.joined()
    }

    private static func ends(_ events: [JSONObject]) -> [String] {
        events.compactMap { $0["choices"]?.arrayValue?.first?.objectValue?["finish_reason"]?.stringValue }
    }

    @Test("a whole answer is what the engine gives, with its tokens counted")
    func whole() async throws {
        try await Serving.withClient { client in
            let answer = try await client.complete("\"max_tokens\": 12, \"ignore_eos\": true")
            #expect(answer.status == 200 && answer.headers[.contentType] == "application/json; charset=utf-8")
            let object = try answer.json
            #expect(object["object"] == .string("text_completion") && object["model"] == .string("tiny"))
            #expect(object["id"]?.stringValue?.hasPrefix("cmpl-") == true)
            #expect(object.usage("prompt_tokens") == 2 && object.usage("completion_tokens") == 12)
            #expect(object.usage("total_tokens") == 14)
            let choice = try object.choice()
            #expect(choice["finish_reason"] == .string("length") && choice["index"] == .integer(0))
            let expected = try await client.model.engine.submit(
                GenerationRequest(prompt: [0, 261], maximumTokens: 12)
            ).collect()
            #expect(choice["text"] == .string(expected.text))
        }
    }

    @Test("a stream, put together, is the whole answer; usage comes when asked for")
    func stream() async throws {
        try await Serving.withClient { client in
            let fields = "\"max_tokens\": 40, \"ignore_eos\": true"
            let whole = try await client.complete(fields).json
            let answer = try await client.complete(fields + ", \"stream\": true")
            #expect(answer.status == 200 && answer.headers[.contentType] == ServerSentEvents.contentType)
            let events = try answer.events
            #expect(Self.texts(events) == (try whole.choice())["text"]?.stringValue)
            #expect(Self.ends(events) == ["length"])
            #expect(events.allSatisfy { $0["usage"] == nil })
            #expect(Set(events.compactMap { $0["id"]?.stringValue }).count == 1)
            let options = ", \"stream\": true, \"stream_options\": {\"include_usage\": true}"
            let counted = try await client.complete(fields + options).events
            let last = try #require(counted.last)
            #expect(last["choices"] == .array([]) && last.usage("completion_tokens") == 40)
            #expect(counted.dropLast().allSatisfy { $0["usage"] == .null })
            #expect(Self.texts(counted) == Self.texts(events))
        }
    }

    @Test("n continuations are those of n requests with the seeds that follow")
    func choices() async throws {
        try await Serving.withClient { client in
            let fields = "\"temperature\": 1.5, \"max_tokens\": 10, \"ignore_eos\": true"
            let object = try await client.complete(fields + ", \"n\": 3, \"seed\": 5").json
            #expect(object.usage("prompt_tokens") == 2 && object.usage("completion_tokens") == 30)
            var texts: [String] = []
            for index in 0..<3 {
                let choice = try object.choice(index)
                #expect(choice["index"] == .integer(Int64(index)))
                let alone = try await client.complete(fields + ", \"seed\": \(5 + index)").json
                #expect(try alone.choice()["text"] == choice["text"])
                texts.append(choice["text"]?.stringValue ?? "")
            }
            #expect(Set(texts).count == 3)
            let events = try await client.complete(fields + ", \"n\": 3, \"seed\": 5, \"stream\": true").events
            for index in 0..<3 { #expect(Self.texts(events, choice: index) == texts[index]) }
            #expect(Self.ends(events).count == 3)
            let one = try await client.complete(fields).json.choice()["text"]
            let another = try await client.complete(fields).json.choice()["text"]
            #expect(one != another, "without a seed every request draws anew")
        }
    }

    @Test("several prompts, as text and as tokens")
    func prompts() async throws {
        try await Serving.withClient { client in
            let object = try await client.complete("\"max_tokens\": 6", prompt: #"["hello", [0, 261], "xyz"]"#).json
            let texts = try (0..<3).map { try object.choice($0)["text"] }
            #expect(texts[0] == texts[1] && texts[0] != texts[2])
            #expect(object.usage("prompt_tokens") == 8)
        }
    }

    @Test("stop strings end the text before them, in whole answers and in streams")
    func stop() async throws {
        try await Serving.withClient { client in
            let fields = "\"max_tokens\": 40, \"ignore_eos\": true"
            let text = try await client.complete(fields).json.choice()["text"]?.stringValue ?? ""
            let characters = Array(text.unicodeScalars)
            try #require(characters.count > 8)
            let stop = String(String.UnicodeScalarView(characters[4..<6]))
            let stops = ", \"stop\": [\"never occurs\", \(JSONValue.string(stop).text())]"
            let choice = try await client.complete(fields + stops).json.choice()
            let prefix = try #require(choice["text"]?.stringValue)
            #expect(choice["finish_reason"] == .string("stop"))
            let beginning = (prefix + stop).unicodeScalars
            #expect(beginning.elementsEqual(characters.prefix(beginning.count)))
            let events = try await client.complete(fields + stops + ", \"stream\": true").events
            #expect(Self.texts(events) == prefix && Self.ends(events) == ["stop"])
        }
    }

    @Test("the prompt stands before its continuation when asked for")
    func echo() async throws {
        try await Serving.withClient { client in
            let text = try await client.complete("").json.choice()["text"]?.stringValue ?? ""
            let echoed = try await client.complete("\"echo\": true").json
            #expect(try echoed.choice()["text"] == .string("hello" + text))
            let tokens = try await client.complete("\"echo\": true", prompt: "[0, 261]").json
            #expect(try tokens.choice()["text"] == .string("hello" + text))
            let events = try await client.complete("\"echo\": true, \"stream\": true").events
            #expect(Self.texts(events) == "hello" + text)
        }
    }

    @Test("log-probabilities of text completions, for every token in a stream as well")
    func completionProbabilities() async throws {
        try await Serving.withClient { client in
            let fields = "\"max_tokens\": 8, \"ignore_eos\": true, \"logprobs\": 3"
            let object = try await client.complete(fields).json.choice()
            let probabilities = try #require(object["logprobs"]?.objectValue)
            #expect(probabilities.keys == ["tokens", "token_logprobs", "top_logprobs", "text_offset"])
            for key in probabilities.keys { #expect(probabilities[key]?.arrayValue?.count == 8, "\(key)") }
            let best = probabilities["token_logprobs"]?.arrayValue?.compactMap(\.doubleValue) ?? []
            for (index, top) in (probabilities["top_logprobs"]?.arrayValue ?? []).enumerated() {
                let values = top.objectValue?.entries.compactMap(\.value.doubleValue) ?? []
                // Greedy: the chosen one is the likeliest.
                #expect(values.max() == best[index] && (1...3).contains(values.count))
            }
            let events = try await client.complete(fields + ", \"stream\": true").events
            let streamed = events.flatMap { event in
                (try? event.choice())?["logprobs"]?.objectValue?["token_logprobs"]?.arrayValue ?? []
            }
            #expect(streamed.compactMap(\.doubleValue) == best)
        }
    }

    @Test("biases and penalties reach the sampler")
    func sampling() async throws {
        try await Serving.withClient { client in
            let forced = try await client.complete("\"max_tokens\": 4, \"logit_bias\": {\"261\": 100}").json
            #expect(try forced.choice()["text"] == .string("hellohellohellohello"))
            let once = "\"max_tokens\": 6, \"logit_bias\": {\"261\": 50, \"35\": 49.5}"
            let penalised = try await client.complete(once + ", \"presence_penalty\": 2, \"frequency_penalty\": 2").json
            #expect(try penalised.choice()["text"]?.stringValue?.contains("!") == true)
        }
    }

    @Test("end tokens end the text and are no part of it")
    func endToken() async throws {
        try await Serving.withClient { client in
            let fields = "\"logit_bias\": {\"1\": 100}, \"logprobs\": 1"
            let object = try await client.complete(fields).json
            let choice = try object.choice()
            #expect(choice["text"] == .string("") && choice["finish_reason"] == .string("stop"))
            #expect(choice["logprobs"]?.objectValue?["tokens"] == .array([]))
            #expect(object.usage("completion_tokens") == 1)
            let ignored = try await client.complete(fields + ", \"ignore_eos\": true, \"max_tokens\": 3").json
            #expect(ignored.usage("completion_tokens") == 3)
        }
    }

    @Test("a chat, whole and streamed")
    func chat() async throws {
        try await Serving.withClient { client in
            let fields = "\"max_tokens\": 20, \"ignore_eos\": true"
            let object = try await client.chat(fields).json
            #expect(object["object"] == .string("chat.completion"))
            #expect(object["id"]?.stringValue?.hasPrefix("chatcmpl-") == true)
            let choice = try object.choice()
            let message = try #require(choice["message"]?.objectValue)
            #expect(message["role"] == .string("assistant") && choice["finish_reason"] == .string("length"))
            #expect(object.usage("completion_tokens") == 20)
            let events = try await client.chat(fields + ", \"stream\": true").events
            #expect(try events[0].choice()["delta"]?.objectValue?["role"] == .string("assistant"))
            #expect(Self.texts(events) == message["content"]?.stringValue)
            #expect(Self.ends(events) == ["length"])
            let newer = try await client.chat("\"max_completion_tokens\": 3, \"ignore_eos\": true").json
            #expect(newer.usage("completion_tokens") == 3)
        }
    }

    @Test("log-probabilities of chats")
    func chatProbabilities() async throws {
        try await Serving.withClient { client in
            let fields = "\"max_tokens\": 5, \"ignore_eos\": true, \"logprobs\": true"
            let plain = try await client.chat(fields).json.choice()["logprobs"]?.objectValue
            let content = try #require(plain?["content"]?.arrayValue)
            #expect(content.count == 5)
            let first = try #require(content[0].objectValue)
            #expect(first.keys == ["token", "logprob", "bytes", "top_logprobs"])
            #expect(first["top_logprobs"] == .array([]))
            let top = try await client.chat(fields + ", \"top_logprobs\": 20").json.choice()["logprobs"]?.objectValue
            let entry = try #require(top?["content"]?.arrayValue?.first?.objectValue)
            #expect(entry["top_logprobs"]?.arrayValue?.count == 20)
            #expect(entry["logprob"] == entry["top_logprobs"]?.arrayValue?.first?.objectValue?["logprob"])
        }
    }

    @Test("the template's marker ends an answer; a model without a template serves no chats")
    func chatEnds() async throws {
        try await Serving.withClient { client in
            let end = try #require(client.model.tokenizer.id(of: "<|im_end|>"))
            let object = try await client.chat("\"logit_bias\": {\"\(end)\": 100}").json
            #expect(try object.choice()["finish_reason"] == .string("stop"))
            #expect(object.usage("completion_tokens") == 1)
        }
        try await Serving.withClient(try Serving.model(specials: [])) { client in
            let answer = try await client.chat("")
            #expect(answer.status == 400)
            #expect(try answer.error["code"] == .string("chat_not_supported"))
            #expect(try answer.error["message"]?.stringValue?.contains("tiny") == true)
        }
    }

    @Test("a request whose time is over is told so, whole or in a stream")
    func timeout() async throws {
        let configuration = try ServerConfiguration(requestTimeLimit: .milliseconds(100))
        try await Serving.withClient(nil, configuration) { client in
            let fields = "\"max_tokens\": 4000, \"ignore_eos\": true"
            let answer = try await client.complete(fields)
            #expect(answer.status == 504)
            #expect(try answer.error["code"] == .string("timeout"))
            let events = try await client.complete(fields + ", \"stream\": true").events
            let error = try #require(events.last?["error"]?.objectValue)
            #expect(error["code"] == .string("timeout"))
        }
    }
}
