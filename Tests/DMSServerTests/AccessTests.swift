import DMSEngine
import DMSJSON
import HTTPTypes
import Synchronization
import Testing

@testable import DMSServer

@Suite("Access")
struct AccessTests {
    @Test("keys are compared whole")
    func keys() throws {
        let keys = try APIKeys(["secret", "other-key"])
        for right in ["Bearer secret", "bearer other-key", "BEARER secret"] {
            #expect(keys.accepts(authorization: right), "\(right)")
        }
        for wrong in [
            nil, "", "secret", "Bearer", "Bearer ", "Bearer secre", "Bearer secrets", "Bearer secretsecret",
            "Basic secret", "Bearer Secret", "Bearer  secret", "Bearer other", "Bearer secret ",
        ] as [String?] {
            #expect(!keys.accepts(authorization: wrong), "\(wrong ?? "nothing")")
        }
        #expect(try APIKeys([]).accepts(authorization: nil))
    }

    @Test("a file of keys")
    func file() throws {
        let keys = try APIKeys(parsing: "# ours\r\n  one  \n\n\ttwo\n#three\n")
        #expect(keys == (try APIKeys(["one", "two"])))
        for wrong in ["", "\n# none\n", "a b", "ä", String(repeating: "x", count: 1025)] {
            #expect(throws: APIKeyError.self) { _ = try APIKeys(parsing: wrong) }
        }
        let error = try #require(throws: APIKeyError.self) { _ = try APIKeys(["fine", "not fine"]) }
        #expect(error.number == 2 && !error.description.contains("not fine"))
    }

    @Test("a server on the loopback interface goes by its names, and by those it was given")
    func hosts() {
        let loopback = HostPolicy(bound: "127.0.0.1", allowed: ["Inner.example"])
        for right in ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "LOCALHOST", "inner.example:80"] {
            #expect(loopback.accepts(right), "\(right)")
        }
        for wrong in [nil, "", "evil.example", "evil.example:8080", "localhost.evil.example", "[::2]"] as [String?] {
            #expect(!loopback.accepts(wrong), "\(wrong ?? "nothing")")
        }
        #expect(HostPolicy(bound: "0.0.0.0", allowed: []).accepts("anything"))
        let named = HostPolicy(bound: "0.0.0.0", allowed: ["api.example"])
        #expect(named.accepts("api.example") && !named.accepts("localhost"))
    }

    @Test("what is stored of a prompt serves requests with the same key alone")
    func prefixes() async throws {
        let model = try Serving.model()
        let configuration = try ServerConfiguration(keys: APIKeys(["one", "other"]))
        try await Serving.withClient(model, configuration) { client in
            let prompt = String(repeating: "hello! ", count: 12)
            let body = #"{"model": "tiny", "prompt": "\#(prompt)", "max_tokens": 4, "temperature": 0}"#
            var texts: Set<String?> = []
            for key in ["one", "other", "one"] {
                let answer = try await client.post(
                    "/v1/completions", body,
                    headers: [.contentType: "application/json", .authorization: "Bearer \(key)"])
                texts.insert(try answer.json.choice()["text"]?.stringValue)
            }
            #expect(texts.count == 1)
        }
        #expect(model.engine.statistics.prefixHits == 1)
    }

    @Test("configurations out of range")
    func configuration() {
        #expect(throws: (any Error).self) { _ = try ServerConfiguration(host: "") }
        #expect(throws: (any Error).self) { _ = try ServerConfiguration(port: 65_536) }
        #expect(throws: (any Error).self) { _ = try ServerConfiguration(maximumConnections: 0) }
        #expect(throws: (any Error).self) { _ = try ServerConfiguration(idleTimeout: .zero) }
        #expect(throws: (any Error).self) { _ = try ServerConfiguration(gracePeriod: .seconds(-1)) }
        #expect(throws: (any Error).self) { _ = try ServerLimits(choices: 0) }
    }

    @Test("a connection's handlers run once, at the end, and none after it was forgotten")
    func watch() async {
        final class Counter: Sendable {
            let value = Mutex(0)
            func add() { value.withLock { $0 += 1 } }
            var count: Int { value.withLock { $0 } }
        }
        let counter = Counter()
        let watch = ConnectionWatch {}
        await watch.whileOpen(onClose: counter.add) {}
        watch.noteClosed()
        #expect(counter.count == 0)
        await watch.whileOpen(onClose: counter.add) { #expect(counter.count == 1) }
        let open = ConnectionWatch {}
        await open.whileOpen(onClose: counter.add) {
            open.noteClosed()
            open.noteClosed()
        }
        #expect(counter.count == 2)
    }

    @Test("only what takes too long is closed")
    func deadlines() async {
        let closed = Mutex(0)
        let watch = ConnectionWatch { closed.withLock { $0 += 1 } }
        let later = ContinuousClock.now + .seconds(100)
        watch.closeIfOverdue(later)
        await watch.within(.seconds(10)) {
            watch.closeIfOverdue(.now)
            #expect(closed.withLock { $0 } == 0)
            watch.closeIfOverdue(later)
            #expect(closed.withLock { $0 } == 1)
        }
        watch.closeIfOverdue(later)
        #expect(closed.withLock { $0 } == 1)
    }
}
