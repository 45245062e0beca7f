import DMSEngine
import DMSJSON
import Foundation
import Testing

@testable import DMSServer

/// What a stream tells of the cache.
@Suite("Cache in streams")
struct CacheStreamTests {
    private struct Event {
        let first: Int
        let texts: [String]
        let rows: [[Bool]]
        let tokens: Int
        let promptTokens: Int
        let live: Int
        let seen: Int
        let earlier: Int

        init(_ kv: JSONObject, heads: Int) throws {
            func count(_ key: String) throws -> Int { Int(try #require(kv[key]?.integerValue, "\(key)")) }
            first = try count("first")
            tokens = try count("tokens")
            promptTokens = try count("prompt_tokens")
            live = try count("live_token_heads")
            seen = try count("seen_token_heads")
            texts = try #require(kv["texts"]?.arrayValue).map { try #require($0.stringValue) }
            earlier = kv["earlier_texts"]?.arrayValue?.count ?? 0
            let evictions = try #require(kv["evictions"]?.stringValue)
            let data = try #require(Data(base64Encoded: evictions))
            let stride = (heads + 7) / 8
            #expect(data.count == texts.count * stride)
            rows = texts.indices.map { row in
                (0..<heads).map { data[row * stride + $0 / 8] >> UInt8($0 % 8) & 1 == 1 }
            }
        }
    }

    private static func events(_ answer: Client.Answer, heads: Int) throws -> [Event] {
        try answer.events.compactMap { object -> Event? in
            guard let kv = object["dms"]?.objectValue?["kv"]?.objectValue else { return nil }
            #expect(object["choices"] == .array([]))
            return try Event(kv, heads: heads)
        }
    }

    @Test("decisions and the window give what the cache says it stores", arguments: [0, 1])
    func decisions(shift: Int) async throws {
        let model = try Serving.model(shift: shift)
        let details = model.listing.details
        let heads = details.layers * details.keyValueHeads
        let window = try #require(details.window)
        #expect(window == 16)
        try await Serving.withClient(model) { client in
            let prompt = "\"" + String(repeating: "hello, world! ", count: 6) + "\""
            let answer = try await client.complete(
                #""max_tokens": 40, "ignore_eos": true, "stream": true, "dms": {"kv": true}"#, prompt: prompt)
            let events = try Self.events(answer, heads: heads)
            var evicted: [[Bool]] = []
            for event in events {
                // One after another, none twice.
                #expect(event.first == evicted.count && event.earlier == 0)
                evicted += event.rows
                #expect(evicted.count == event.tokens - shift && event.seen == event.tokens * heads)
                let live = (0..<event.tokens).reduce(0) { total, token in
                    let isInWindow = event.tokens - 1 - token <= window
                    return total
                        + (isInWindow ? heads : token < evicted.count ? evicted[token].count { !$0 } : heads)
                }
                #expect(event.live == live)
            }
            let last = try #require(events.last)
            #expect(last.tokens == last.promptTokens + 39)
            // A random gate does both, or this test would say little.
            let decisions = evicted.flatMap { $0 }
            #expect(decisions.contains(true) && decisions.contains(false))
            #expect(events.flatMap(\.texts).joined().contains("hello, world! hello"))
        }
    }

    @Test("what a stored prefix had is told as text")
    func prefixes() async throws {
        let model = try Serving.model()
        try await Serving.withClient(model) { client in
            let prompt = "\"" + String(repeating: "hello, world! ", count: 6) + "\""
            let fields = #""max_tokens": 4, "ignore_eos": true, "stream": true, "dms": {"kv": true}"#
            let first = try Self.events(try await client.complete(fields, prompt: prompt), heads: 4)
            let second = try Self.events(try await client.complete(fields, prompt: prompt), heads: 4)
            #expect(first.allSatisfy { $0.earlier == 0 })
            let start = try #require(second.first)
            #expect(start.earlier > 0 && start.earlier == start.first)
            #expect(start.earlier + second.reduce(0) { $0 + $1.texts.count } == second.last?.tokens)
        }
    }

    @Test("only who asks is told, and only in a stream")
    func optIn() async throws {
        try await Serving.withClient { client in
            let plain = try await client.chat(#""max_tokens": 4, "stream": true"#)
            #expect(!plain.text.contains("\"dms\""))
            let chat = try await client.chat(#""max_tokens": 4, "stream": true, "dms": {"kv": true}"#)
            #expect(try Self.events(chat, heads: 4).isEmpty == false)
            let whole = try await client.complete(#""dms": {"kv": true}"#)
            #expect(whole.status == 400)
            #expect(try whole.error["param"] == .string("dms.kv"))
            #expect(try await client.complete(#""dms": {"kv": false}"#).status == 200)
            #expect(try await client.complete(#""dms": {"kw": true}"#).error["param"] == .string("dms.kw"))
        }
    }
}
