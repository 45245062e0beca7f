import DMSEngine
import DMSJSON
import DMSTestSupport
import Testing

@testable import DMSServer

/// What is said about prompts: how likely their tokens were, and how many were there before.
@Suite("Prompts in answers")
struct PromptDetailsTests {
    private static func list(_ choice: JSONObject, _ key: String) -> [JSONValue] {
        choice["logprobs"]?.objectValue?[key]?.arrayValue ?? []
    }

    private static func cached(_ object: JSONObject) -> Int64? {
        object["usage"]?.objectValue?["prompt_tokens_details"]?.objectValue?["cached_tokens"]?.integerValue
    }

    @Test("echo with logprobs tells of every token of the prompt, whole and in a stream")
    func echo() async throws {
        try await Serving.withClient { client in
            let fields = "\"max_tokens\": 5, \"ignore_eos\": true, \"logprobs\": 2"
            let prompt = "\"say hello, hello\""
            let plain = try await client.complete(fields, prompt: prompt).json
            let object = try await client.complete(fields + ", \"echo\": true", prompt: prompt).json
            let choice = try object.choice()
            let count = Int(object.usage("prompt_tokens") ?? 0)
            #expect(choice["text"] == .string("say hello, hello" + (try plain.choice()["text"]?.stringValue ?? "")))
            for key in ["tokens", "token_logprobs", "top_logprobs", "text_offset"] {
                #expect(Self.list(choice, key).count == count + 5, "\(key)")
            }
            #expect(Self.list(choice, "tokens").first == .string("<|begin|>"))
            #expect(Self.list(choice, "token_logprobs").first == .null)
            #expect(Self.list(choice, "top_logprobs").first == .null)
            #expect(Self.list(choice, "token_logprobs").dropFirst().allSatisfy { $0.doubleValue ?? 1 <= 0 })
            for key in ["tokens", "token_logprobs", "top_logprobs"] {
                let rest = Array(Self.list(choice, key).dropFirst(count))
                #expect(rest == Self.list(try plain.choice(), key), "\(key)")
            }
            // The text of a token stands where its offset says.
            let text = Array("say hello, hello".unicodeScalars)
            let places = Array(zip(Self.list(choice, "tokens"), Self.list(choice, "text_offset")))
            for (token, offset) in places[1..<count] {
                let start = Int(offset.integerValue ?? -1)
                let scalars = Array((token.stringValue ?? "?").unicodeScalars)
                #expect(Array(text[start..<start + scalars.count]) == scalars)
            }
            let events = try await client.complete(fields + ", \"echo\": true, \"stream\": true", prompt: prompt).events
            for key in ["tokens", "token_logprobs", "text_offset"] {
                let streamed = events.flatMap { event in (try? event.choice()).map { Self.list($0, key) } ?? [] }
                #expect(streamed == Self.list(choice, key), "\(key)")
            }
            #expect(try events[0].choice()["text"] == .string("say hello, hello"))
            let several = try await client.complete(
                fields + ", \"echo\": true, \"n\": 2", prompt: "[\"hello\", [0, 261, 34]]"
            ).json
            for index in 0..<4 {
                let tokens = Self.list(try several.choice(index), "tokens")
                #expect(tokens.count == (index < 2 ? 2 : 3) + 5 && tokens[1] == .string("hello"))
            }
        }
    }

    @Test("the values are the engine's")
    func values() async throws {
        try await Serving.withClient { client in
            let object = try await client.complete(
                "\"max_tokens\": 1, \"echo\": true, \"logprobs\": 0", prompt: "[0, 261, 35, 70]"
            ).json
            let result = try await client.model.engine.submit(
                GenerationRequest(prompt: [0, 261, 35, 70], maximumTokens: 1, promptLogProbabilities: 0)
            ).collect()
            let expected = result.promptLogProbabilities.map { JSONValue.number($0.chosen.logProbability) }
            #expect(Array(Self.list(try object.choice(), "token_logprobs")[1..<4]) == expected)
        }
    }

    @Test("more log-probabilities of prompts than an answer may have")
    func tooMany() async throws {
        try await Serving.withClient { client in
            let tokens = [String](repeating: "35", count: 4000).joined(separator: ",")
            let prompts = [String](repeating: "[\(tokens)]", count: 7).joined(separator: ",")
            let answer = try await client.complete(
                "\"echo\": true, \"logprobs\": 20, \"max_tokens\": 1", prompt: "[\(prompts)]")
            #expect(answer.status == 400)
            #expect(try answer.error["param"] == .string("echo"))
        }
    }

    @Test("tokens of prompts that were stored are counted, in completions, chats and streams, once for every prompt")
    func cachedTokens() async throws {
        try await Serving.withClient { client in
            let prompt = "\"" + String(repeating: "abcdefg", count: 4) + "\""
            let first = try await client.complete("\"max_tokens\": 2", prompt: prompt).json
            #expect(Self.cached(first) == 0 && first.usage("prompt_tokens") == 29)
            #expect(Self.cached(try await client.complete("\"max_tokens\": 2", prompt: prompt).json) == 24)
            #expect(Self.cached(try await client.complete("\"max_tokens\": 2, \"n\": 3", prompt: prompt).json) == 24)
            let events = try await client.complete(
                "\"max_tokens\": 2, \"stream\": true, \"stream_options\": {\"include_usage\": true}", prompt: prompt
            ).events
            #expect(Self.cached(try #require(events.last)) == 24)
            let echoed = "\"max_tokens\": 2, \"echo\": true, \"logprobs\": 1"
            #expect(Self.cached(try await client.complete(echoed, prompt: prompt).json) == 0)
            let chat = try await client.chat("\"max_tokens\": 2").json
            let again = try await client.chat("\"max_tokens\": 2").json
            let count = try #require(chat.usage("prompt_tokens"))
            #expect(Self.cached(chat) == 0 && Self.cached(again) == (count - 1) / 8 * 8)
        }
    }
}
