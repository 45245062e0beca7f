import DMSEngine
import DMSJSON
import HTTPTypes
import Testing

@testable import DMSServer

/// Everything but answers: paths, methods, bodies, keys, limits.
@Suite("Endpoints")
struct EndpointTests {
    @Test("health, models and their descriptions")
    func models() async throws {
        try await Serving.withClient { client in
            let health = try await client.get("/health")
            #expect(health.status == 200)
            #expect(try health.json["status"] == .string("ok"))
            let list = try await client.get("/v1/models").json
            #expect(list["object"] == .string("list"))
            let model = try #require(list["data"]?.arrayValue?.first?.objectValue)
            #expect(model["id"] == .string("tiny") && model["object"] == .string("model"))
            #expect(model["max_model_len"] == .integer(4096))
            #expect(try await client.get("/v1/models/tiny").json == model)
            let other = try await client.get("/v1/models/other")
            #expect(other.status == 404)
            #expect(try other.error["code"] == .string("model_not_found"))
        }
    }

    @Test("other paths and methods")
    func paths() async throws {
        try await Serving.withClient { client in
            for path in ["/", "/v1", "/v1/embeddings", "/v1/completions/x", "/../etc/passwd"] {
                let answer = try await client.get(path)
                #expect(answer.status == 404, "\(path)")
                #expect(try answer.error["code"] == .string("not_found"))
            }
            let wrong = try await client.get("/v1/completions")
            #expect(wrong.status == 405 && wrong.headers[.allow] == "POST")
            #expect(try wrong.error["code"] == .string("method_not_allowed"))
            #expect(try await client.post("/health", "{}").status == 405)
        }
    }

    @Test("tokens and back")
    func tokenize() async throws {
        try await Serving.withClient { client in
            func tokens(_ body: String) async throws -> JSONValue? {
                try await client.post("/tokenize", body).json["tokens"]
            }
            #expect(try await tokens(#"{"content": "hello"}"#) == .array([.integer(261)]))
            #expect(
                try await tokens(#"{"content": "hello", "add_special": true}"#) == .array([.integer(0), .integer(261)]))
            #expect(try await tokens(#"{"content": "<|end|>"}"#) == .array([.integer(1)]))
            #expect(try await tokens(#"{"content": "<|end|>", "parse_special": false}"#)?.arrayValue?.count == 7)
            let text = try await client.post("/detokenize", #"{"tokens": [261, 35]}"#)
            #expect(try text.json["content"] == .string("hello!"))
            let wrong = try await client.post("/detokenize", #"{"tokens": [99999]}"#)
            #expect(wrong.status == 400)
            #expect(try wrong.error["param"] == .string("tokens"))
            #expect(try await client.post("/tokenize", #"{"text": "x"}"#).error["param"] == .string("text"))
            #expect(try await client.post("/tokenize", "{}").error["param"] == .string("content"))
        }
    }

    @Test("metrics tell of what was done, and of no text")
    func metrics() async throws {
        try await Serving.withClient { client in
            #expect(try await client.complete("\"max_tokens\": 5, \"ignore_eos\": true").status == 200)
            _ = try await client.get("/secret-path")
            let answer = try await client.get("/metrics")
            #expect(answer.headers[.contentType] == MetricsText.contentType)
            for line in [
                "dms_generated_tokens_total 5", "dms_prompt_tokens_total 2",
                "dms_http_requests_total{endpoint=\"/v1/completions\",status=\"200\"} 1",
                "dms_http_requests_total{endpoint=\"NotFound\",status=\"404\"} 1",
                "dms_time_to_first_token_seconds_count 1", "dms_time_per_output_token_seconds_count 1",
                "dms_generations_finished_total{reason=\"length\"} 1",
            ] {
                #expect(answer.text.contains("\n\(line)\n"), "\(line)")
            }
            #expect(!answer.text.contains("secret") && !answer.text.contains("hello"))
        }
    }

    @Test("keys are asked for everywhere but by probes")
    func keys() async throws {
        let configuration = try ServerConfiguration(keys: APIKeys(["k1"]))
        try await Serving.withClient(nil, configuration) { client in
            #expect(try await client.get("/health").status == 200)
            for path in ["/v1/models", "/metrics", "/nothing"] {
                for header in [nil, "Bearer k2", "k1"] as [String?] {
                    var headers = HTTPFields()
                    headers[.authorization] = header
                    let answer = try await client.get(path, headers: headers)
                    #expect(answer.status == 401 && answer.headers[.wwwAuthenticate] == "Bearer")
                    #expect(try answer.error["code"] == .string("invalid_api_key"))
                }
                let answer = try await client.get(path, headers: [.authorization: "Bearer k1"])
                #expect(answer.status == (path == "/nothing" ? 404 : 200))
            }
        }
    }

    @Test("bodies of another type, too large, or broken")
    func bodies() async throws {
        let configuration = try ServerConfiguration(limits: ServerLimits(bodyBytes: 100))
        try await Serving.withClient(nil, configuration) { client in
            let body = #"{"content": "x"}"#
            for type in [nil, "text/plain", "application/x-www-form-urlencoded"] as [String?] {
                var headers = HTTPFields()
                headers[.contentType] = type
                let answer = try await client.post("/tokenize", body, headers: headers)
                #expect(answer.status == 415)
                #expect(try answer.error["code"] == .string("unsupported_media_type"))
            }
            let charset: HTTPFields = [.contentType: "application/json; charset=utf-8"]
            #expect(try await client.post("/tokenize", body, headers: charset).status == 200)
            let large = try await client.post(
                "/tokenize", "{\"content\": \"\(String(repeating: "x", count: 100))\"}")
            #expect(large.status == 413)
            #expect(try large.error["code"] == .string("body_too_large"))
            let broken = try await client.post("/tokenize", "{\"content\": ")
            #expect(broken.status == 400)
            #expect(try broken.error["code"] == .string("invalid_json"))
        }
    }

    @Test("prompts that are too long, and requests that could never be finished")
    func prompts() async throws {
        let configuration = try ServerConfiguration(limits: ServerLimits(promptTokens: 10))
        try await Serving.withClient(nil, configuration) { client in
            let long = try await client.complete("", prompt: "\"abcdefghijk\"")
            #expect(long.status == 400)
            #expect(try long.error["code"] == .string("context_length_exceeded"))
            let foreign = try await client.complete("", prompt: "[1, 400]")
            #expect(foreign.status == 400)
            #expect(try foreign.error["param"] == .string("prompt"))
            let bias = try await client.complete("\"logit_bias\": {\"400\": 1}")
            #expect(try bias.error["param"] == .string("logit_bias"))
            let model = try await client.post("/v1/completions", #"{"model": "gpt", "prompt": "a"}"#)
            #expect(model.status == 404)
        }
        let plain = try Serving.model()
        // Room for activations and some hundred tokens.
        let budget =
            plain.engine.statistics.workspaceBytes + plain.engine.neededBytes(promptTokens: 200, maximumTokens: 1)
        await plain.engine.shutDown()
        try await Serving.withClient(try Serving.model(budget: budget)) { client in
            let answer = try await client.complete("\"max_tokens\": 2000")
            #expect(answer.status == 400)
            #expect(try answer.error["code"] == .string("kv_budget_exceeded"))
            #expect(try await client.complete("\"max_tokens\": 20").status == 200)
        }
    }

    @Test("a full queue is a reason to come back later, and what was begun of a request ends")
    func overload() async throws {
        try await Serving.withClient(try Serving.model(running: 1, waiting: 1)) { client in
            let answer = try await client.complete("\"n\": 3, \"max_tokens\": 4000")
            #expect(answer.status == 429 && answer.headers[.retryAfter] == "1")
            #expect(try answer.error["code"] == .string("queue_full"))
            // Its first two continuations were dropped, so there is room again within a step.
            var status = 429
            for _ in 0..<5000 where status == 429 {
                try await Task.sleep(for: .milliseconds(2))
                status = try await client.complete("\"n\": 2").status
            }
            #expect(status == 200)
        }
    }

    @Test("a server on its way out says so")
    func shutDown() async throws {
        try await Serving.withClient { client in
            await client.model.engine.shutDown()
            let answer = try await client.complete("")
            #expect(answer.status == 503 && answer.headers[.retryAfter] != nil)
            #expect(try answer.error["code"] == .string("shutting_down"))
        }
    }
}
