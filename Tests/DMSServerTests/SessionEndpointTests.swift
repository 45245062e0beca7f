import DMSCheckpoint
import DMSEngine
import DMSJSON
import DMSTestSupport
import Foundation
import HTTPTypes
import Testing

@testable import DMSServer

/// Conversations that clients save over HTTP.
@Suite("Saved conversations over HTTP")
struct SessionEndpointTests {
    private static func folder(_ folder: TemporaryFolder, limits: SessionLimits = .none, weights: String = "w")
        -> SessionFolder
    {
        SessionFolder(
            path: folder.path,
            fingerprint: ModelFingerprint(weightsSHA256: weights, configurationSHA256: "c"), limits: limits)
    }

    /// Runs a body with a client of a server that saves conversations.
    private static func withClient(
        _ temporary: TemporaryFolder, limits: SessionLimits = .none, weights: String = "w", keys: [String] = [],
        _ body: @Sendable (Client) async throws -> Void
    ) async throws {
        let model = try Serving.model(sessions: folder(temporary, limits: limits, weights: weights))
        try await Serving.withClient(model, try ServerConfiguration(keys: APIKeys(keys)), body)
    }

    /// The tokens of an answer that was asked for with `logprobs`: its text may end in the middle of a character.
    private static func tokens(_ answer: Client.Answer) throws -> [JSONValue] {
        #expect(answer.status == 200, "\(answer.text)")
        return try #require(try answer.json.choice()["logprobs"]?.objectValue?["tokens"]?.arrayValue)
    }

    private static func authorized(_ key: String) -> HTTPFields {
        [.contentType: "application/json", .authorization: "Bearer \(key)"]
    }

    @Test("a text in pieces, over servers that end and start, is the text at once")
    func pieces() async throws {
        let temporary = try TemporaryFolder()
        let prompt = "\"hello, hello, this is a longer text\""
        let plain = try Serving.model()
        let whole = try Self.tokens(
            try await Client(Serving.server(plain)).complete(
                #""max_tokens": 60, "ignore_eos": true, "logprobs": 0"#, prompt: prompt))
        await plain.engine.shutDown()
        var pieces: [JSONValue] = []
        for (index, count) in [7, 1, 30, 22].enumerated() {
            let model = try Serving.model(sessions: Self.folder(temporary))
            let isFirst = index == 0
            let session = isFirst ? #"{"save": "a-talk"}"# : #"{"continue": "a-talk", "save": "a-talk"}"#
            let answer = try await Client(Serving.server(model)).complete(
                #""max_tokens": \#(count), "ignore_eos": true, "logprobs": 0, "session": \#(session)"#,
                prompt: isFirst ? prompt : "\"\"")
            pieces += try Self.tokens(answer)
            await model.engine.shutDown()
        }
        #expect(pieces == whole && whole.count == 60)
    }

    @Test("a chat goes on, in streams and whole, and is told as messages")
    func chat() async throws {
        let temporary = try TemporaryFolder()
        try await Self.withClient(temporary) { client in
            // Random weights are not to say markers.
            let bias = #""ignore_eos": true, "logit_bias": {"0": -100, "1": -100, "262": -100, "263": -100}"#
            let first = try await client.chat(#""max_tokens": 9, "session": {"save": "chat"}, \#(bias)"#)
            let answer = try #require(try first.json.choice()["message"]?.objectValue?["content"]?.stringValue)
            let second = try await client.chat(
                #""max_tokens": 5, "stream": true, "session": {"continue": "chat", "save": "chat"}, \#(bias)"#,
                messages: #"[{"role": "user", "content": "why?"}]"#)
            #expect(second.status == 200)
            _ = try second.events
            let session = try await client.get("/v1/sessions/chat").json
            let messages = try #require(session["messages"]?.arrayValue).compactMap(\.objectValue)
            #expect(messages.count == 4)
            #expect(messages.map { $0["role"]?.stringValue } == ["user", "assistant", "user", "assistant"])
            #expect(messages[0]["content"] == .string("hello") && messages[2]["content"] == .string("why?"))
            #expect(messages[1]["content"] == .string(answer))
            // Both turns in the model's words: nothing of the first was written anew.
            #expect(session["text"]?.stringValue?.contains(answer) == true)
        }
    }

    @Test("made without an answer, listed, told and deleted")
    func management() async throws {
        let temporary = try TemporaryFolder()
        try await Self.withClient(temporary) { client in
            #expect(try await client.get("/v1/sessions").json["data"] == .array([]))
            let body = #"{"model": "tiny", "name": "text_1", "prompt": "\#(String(repeating: "hello ", count: 30))"}"#
            let made = try await client.post("/v1/sessions", body)
            #expect(made.status == 200, "\(made.text)")
            let session = try made.json
            #expect(session["id"] == .string("text_1") && session["object"] == .string("session"))
            #expect(session["usable"] == .bool(true))
            // Every token was run, and the one that was chosen is not part of it.
            #expect(session["tokens"] == session["cached_tokens"])
            let file = try #require(
                try FileManager.default.attributesOfItem(atPath: temporary.file("text_1.session"))[.size] as? Int)
            #expect(session["bytes"] == .integer(Int64(file)))
            let kv = try #require(session["kv"]?.objectValue)
            let (live, dense) = (kv["live_bytes"]?.integerValue ?? 0, kv["dense_bytes"]?.integerValue ?? 0)
            #expect(live > 0 && live <= dense && live < Int64(file))
            let list = try await client.get("/v1/sessions").json
            #expect(list["object"] == .string("list") && list["data"] == .array([.object(session)]))
            // It has no text but where it is asked for by name.
            #expect(session["text"] == nil)
            let told = try await client.get("/v1/sessions/text_1").json
            #expect(told["text"]?.stringValue?.hasPrefix("hello hello") == true)
            let goesOn = try await client.complete(
                #""max_tokens": 3, "session": {"continue": "text_1"}"#, prompt: "\"and\"")
            #expect(goesOn.status == 200)
            let deleted = try await client.send("/v1/sessions/text_1", .delete, [:], nil)
            #expect(deleted.status == 200)
            #expect(try deleted.json["deleted"] == .bool(true))
            #expect(!FileManager.default.fileExists(atPath: temporary.file("text_1.session")))
            for answer in [
                try await client.send("/v1/sessions/text_1", .delete, [:], nil),
                try await client.get("/v1/sessions/text_1"),
                try await client.complete(#""session": {"continue": "text_1"}"#),
            ] {
                #expect(answer.status == 404)
                #expect(try answer.error["code"] == .string("session_not_found"))
            }
        }
    }

    @Test("messages that are saved without an answer are not told again")
    func messages() async throws {
        let temporary = try TemporaryFolder()
        try await Self.withClient(temporary) { client in
            let body =
                #"{"model": "tiny", "name": "m", "messages": [{"role": "user", "content": "a"}, "#
                + #"{"role": "assistant", "content": "b"}]}"#
            #expect(try await client.post("/v1/sessions", body).status == 200)
            let next = try await client.chat(
                #""max_tokens": 4, "session": {"continue": "m"}"#, messages: #"[{"role": "user", "content": "c"}]"#)
            let whole = try await client.chat(
                #""max_tokens": 4"#,
                messages: #"[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, "#
                    + #"{"role": "user", "content": "c"}]"#)
            #expect(next.status == 200 && whole.status == 200)
            // What the server was not told again it does not count.
            #expect(try next.json.usage("prompt_tokens") ?? 0 < whole.json.usage("prompt_tokens") ?? 0)
        }
    }

    @Test("every API key has its own, under the same names")
    func owners() async throws {
        let temporary = try TemporaryFolder()
        try await Self.withClient(temporary, keys: ["one", "other"]) { client in
            for (key, prompt) in [("one", "first text"), ("other", "second text")] {
                let made = try await client.post(
                    "/v1/sessions", #"{"model": "tiny", "name": "mine", "prompt": "\#(prompt)"}"#,
                    headers: Self.authorized(key))
                #expect(made.status == 200)
            }
            func text(_ key: String) async throws -> String? {
                try await client.get("/v1/sessions/mine", headers: [.authorization: "bearer \(key)"]).json["text"]?
                    .stringValue
            }
            #expect(try await text("one") == "first text")
            #expect(try await text("other") == "second text")
            let deleted = try await client.send("/v1/sessions/mine", .delete, [.authorization: "Bearer one"], nil)
            #expect(deleted.status == 200)
            #expect(try await client.get("/v1/sessions", headers: Self.authorized("one")).json["data"] == .array([]))
            #expect(try await text("other") == "second text")
            #expect(try await client.get("/v1/sessions").status == 401)
        }
        // Keys are nowhere on disk, and without keys these conversations are nobody's.
        let names = try FileManager.default.subpathsOfDirectory(atPath: temporary.path)
        #expect(names.contains { $0.hasSuffix("/mine.session") } && !names.contains { $0.contains("other") })
        try await Self.withClient(temporary) { client in
            let list = try await client.get("/v1/sessions")
            #expect(try list.json["data"] == .array([]))
        }
    }

    @Test("names are names of one folder and nothing else")
    func names() async throws {
        let temporary = try TemporaryFolder()
        try await Self.withClient(temporary) { client in
            for bad in ["", "..", "../x", "a/b", "a.b", "ä", "a b", "a\\u0000", String(repeating: "a", count: 65)] {
                for answer in [
                    try await client.complete(#""session": {"save": "\#(bad)"}"#),
                    try await client.complete(#""session": {"continue": "\#(bad)"}"#),
                    try await client.post("/v1/sessions", #"{"model": "tiny", "name": "\#(bad)", "prompt": "x"}"#),
                ] {
                    #expect(answer.status == 400, "\(bad)")
                    #expect(try answer.error["message"]?.stringValue?.contains("1 to 64 of A-Z") == true)
                }
            }
            for path in ["..", "..%2Fx", "%2Fetc%2Fpasswd", "a.b", "%00"] {
                for method in [HTTPRequest.Method.get, .delete] {
                    let answer = try await client.send("/v1/sessions/\(path)", method, [:], nil)
                    #expect([400, 404].contains(answer.status), "\(path)")
                }
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: temporary.path).isEmpty)
    }

    @Test("limits hold, and what is replaced does not count")
    func limits() async throws {
        let temporary = try TemporaryFolder()
        @Sendable func make(_ client: Client, _ name: String, _ words: Int) async throws -> Client.Answer {
            let prompt = String(repeating: "hello ", count: words)
            return try await client.post(
                "/v1/sessions", #"{"model": "tiny", "name": "\#(name)", "prompt": "\#(prompt)"}"#)
        }
        try await Self.withClient(temporary, limits: try SessionLimits(count: 2, bytes: 1 << 30)) { client in
            for name in ["a", "b", "a"] { #expect(try await make(client, name, 5).status == 200) }
            let third = try await make(client, "c", 5)
            #expect(third.status == 400)
            #expect(try third.error["code"] == .string("session_limit_exceeded"))
            let answer = try await client.complete(#""session": {"save": "c"}"#)
            #expect(try answer.error["code"] == .string("session_limit_exceeded"))
        }
        let size = try FileManager.default.attributesOfItem(atPath: temporary.file("a.session"))[.size] as? Int ?? 0
        let old = FileManager.default.contents(atPath: temporary.file("a.session"))
        let tight = try SessionLimits(count: 9, bytes: 2 * size + size / 2)
        try await Self.withClient(temporary, limits: tight) { client in
            let larger = try await make(client, "a", 200)
            #expect(larger.status == 400)
            #expect(try larger.error["code"] == .string("session_limit_exceeded"))
            #expect(FileManager.default.contents(atPath: temporary.file("a.session")) == old)
            #expect(try await make(client, "a", 5).status == 200)
            #expect(try await client.send("/v1/sessions/b", .delete, [:], nil).status == 200)
            #expect(try await make(client, "c", 5).status == 200)
            // A stream has begun by then, so it tells in its last event.
            let stream = try await client.complete(
                #""max_tokens": 400, "ignore_eos": true, "stream": true, "session": {"save": "d"}"#)
            let last = try #require(try stream.events.last)
            #expect(last["error"]?.objectValue?["code"] == .string("session_limit_exceeded"))
        }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: temporary.path).sorted() == ["a.session", "c.session"])
    }

    @Test("what is damaged or another model's says so, without a path")
    func unusable() async throws {
        let temporary = try TemporaryFolder()
        try await Self.withClient(temporary) { client in
            #expect(try await client.complete(#""session": {"save": "s"}"#).status == 200)
            let path = temporary.file("s.session")
            var bytes = try #require(FileManager.default.contents(atPath: path))
            bytes[bytes.count - 20] ^= 1
            try bytes.write(to: URL(fileURLWithPath: temporary.file("damaged.session")))
            try Data("no session".utf8).write(to: URL(fileURLWithPath: temporary.file("other.session")))
            for name in ["damaged", "other"] {
                let answer = try await client.complete(#""session": {"continue": "\#(name)"}"#)
                #expect(answer.status == 400)
                let error = try answer.error
                #expect(error["code"] == .string("session_unusable"))
                #expect(error["message"]?.stringValue?.contains(temporary.path) == false)
            }
            let list = try #require(try await client.get("/v1/sessions").json["data"]?.arrayValue)
            let usable = list.map { $0.objectValue?["usable"] }
            // A list reads no more than beginnings; the damage is at the end.
            #expect(usable == [.bool(true), .bool(false), .bool(true)])
        }
        try await Self.withClient(temporary, weights: "others") { client in
            let answer = try await client.complete(#""session": {"continue": "s"}"#)
            #expect(try answer.error["message"]?.stringValue?.contains("weights_sha256") == true)
        }
    }

    @Test("a server that saves nothing says so wherever it is asked to")
    func off() async throws {
        try await Serving.withClient { client in
            for answer in [
                try await client.get("/v1/sessions"), try await client.get("/v1/sessions/a"),
                try await client.send("/v1/sessions/a", .delete, [:], nil),
                try await client.post("/v1/sessions", #"{"model": "tiny", "name": "a", "prompt": "x"}"#),
                try await client.complete(#""session": {"save": "a"}"#),
                try await client.chat(#""session": {"continue": "a"}"#),
            ] {
                #expect(answer.status == 400, "\(answer.text)")
                #expect(try answer.error["code"] == .string("sessions_not_enabled"))
                #expect(try answer.error["message"]?.stringValue?.contains("--sessions") == true)
            }
        }
    }

    @Test("fields that do not go together")
    func fields() async throws {
        let temporary = try TemporaryFolder()
        try await Self.withClient(temporary) { client in
            for (fields, parameter) in [
                (#""session": {}"#, "session"), (#""session": "a""#, "session"),
                (#""session": {"save": 1}"#, "session.save"), (#""session": {"saves": "a"}"#, "session.saves"),
                (#""session": {"save": "a"}, "n": 2"#, "n"),
            ] {
                let answer = try await client.complete(fields)
                #expect(answer.status == 400)
                #expect(try answer.error["param"] == .string(parameter), "\(fields)")
            }
            let two = try await client.complete(#""session": {"save": "a"}"#, prompt: #"["a", "b"]"#)
            #expect(try two.error["param"] == .string("prompt"))
            for body in [
                #"{"name": "a", "prompt": "x"}"#, #"{"model": "tiny", "prompt": "x"}"#,
                #"{"model": "tiny", "name": "a"}"#,
                #"{"model": "tiny", "name": "a", "prompt": ""}"#, #"{"model": "tiny", "name": "a", "messages": []}"#,
                #"{"model": "tiny", "name": "a", "prompt": "x", "messages": [{"role": "user", "content": "x"}]}"#,
                #"{"model": "tiny", "name": "a", "prompt": "x", "max_tokens": 2}"#,
            ] {
                #expect(try await client.post("/v1/sessions", body).status == 400, "\(body)")
            }
        }
    }
}
