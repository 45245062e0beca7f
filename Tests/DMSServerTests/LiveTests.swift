import DMSEngine
import DMSJSON
import DMSTestSupport
import NIOCore
import ServiceLifecycle
import Testing

@testable import DMSServer

/// Over real connections: clients that leave, do not read or do not send, and the server's end.
@Suite("Connections", .serialized)
struct LiveTests {
    private static let long = "\"max_tokens\": 4000"

    private static func withServer(
        _ configuration: ServerConfiguration? = nil, _ body: @Sendable (Client, Int) async throws -> Void
    ) async throws {
        let model = try Serving.model()
        let server = try Serving.server(model, try configuration ?? ServerConfiguration(port: 0))
        let (ports, listening) = AsyncStream.makeStream(of: Int.self)
        let group = server.services(signals: []) { listening.yield($0) }
        let running = Task { try await group.run() }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        try await body(Client(server), port)
        await group.triggerGracefulShutdown()
        try await running.value
        await model.engine.shutDown()
    }

    private static func isIdle(_ model: ServedModel) -> Bool {
        let statistics = model.engine.statistics
        return statistics.running == 0 && statistics.waiting == 0 && statistics.pagesInUse == 0
    }

    @Test("one connection serves request after request")
    func keepAlive() async throws {
        try await Self.withServer { client, port in
            try await RawConnection.with(port: port) { inbound, outbound in
                var answers = 0
                var text = ""
                func ask() async throws {
                    text = ""
                    try await outbound.write(
                        RawConnection.completion("\"max_tokens\": 3, \"stream\": \(answers % 2 == 0)"))
                }
                try await ask()
                for try await buffer in inbound {
                    text += String(buffer: buffer)
                    guard text.contains(answers % 2 == 0 ? "[DONE]" : "total_tokens") else { continue }
                    #expect(text.contains("200 OK"))
                    answers += 1
                    if answers == 6 { break }
                    try await ask()
                }
                #expect(answers == 6)
                #expect(try await client.get("/metrics").text.contains("\ndms_http_connections 1\n"))
            }
        }
    }

    @Test("a client that leaves takes its request with it", arguments: [false, true])
    func disconnect(streams: Bool) async throws {
        try await Self.withServer { client, port in
            try await RawConnection.with(port: port) { inbound, outbound in
                try await outbound.write(RawConnection.completion(Self.long + ", \"n\": 2, \"stream\": \(streams)"))
                if streams {
                    let text = try await RawConnection.read(inbound, until: "data: ")
                    #expect(text.hasPrefix("HTTP/1.1 200 OK"))
                } else {
                    #expect(await comesTrue { client.model.engine.statistics.running == 2 })
                }
            }
            #expect(await comesTrue { Self.isIdle(client.model) })
            #expect(client.model.engine.statistics.finished[.cancelled] == 2)
            #expect(try await client.complete("").status == 200)
        }
    }

    @Test("a client that does not read pauses its own request, stalls no other, and loses its connection in the end")
    func slowReader() async throws {
        let configuration = try ServerConfiguration(port: 0, writeTimeout: .seconds(10), requestTimeLimit: nil)
        try await Self.withServer(configuration) { client, port in
            try await RawConnection.with(port: port, receiveBuffer: 4096) { _, outbound in
                // Some kilobytes a token, more than any buffer on the way holds.
                try await outbound.write(
                    RawConnection.completion(Self.long + ", \"n\": 2, \"logprobs\": 20, \"stream\": true"))
                #expect(await comesTrue { client.model.engine.statistics.paused > 0 })
                #expect(try await client.complete("\"max_tokens\": 50, \"ignore_eos\": true").status == 200)
                #expect(await comesTrue { Self.isIdle(client.model) })
            }
            #expect(client.model.engine.statistics.finished[.cancelled] ?? 0 > 0)
        }
    }

    @Test("connections without a request, and requests without their body, are closed")
    func silence() async throws {
        let configuration = try ServerConfiguration(
            port: 0, idleTimeout: .milliseconds(300), bodyTimeout: .milliseconds(300))
        try await Self.withServer(configuration) { _, port in
            let silent = try await RawConnection.with(port: port) { inbound, _ in
                try await RawConnection.read(inbound)
            }
            #expect(silent.isEmpty)
        }
        let patient = try ServerConfiguration(port: 0, idleTimeout: .seconds(60), bodyTimeout: .milliseconds(300))
        try await Self.withServer(patient) { _, port in
            let text = try await RawConnection.with(port: port) { inbound, outbound in
                let head = "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                try await outbound.write(ByteBuffer(string: head + "Content-Length: 100\r\n\r\n{"))
                return try? await RawConnection.read(inbound)
            }
            #expect(text?.contains("200") != true)
        }
    }

    @Test("heads that are too large or no HTTP, and names of other servers")
    func heads() async throws {
        try await Self.withServer { client, port in
            let large = "GET /health HTTP/1.1\r\nHost: localhost\r\nX: \(String(repeating: "x", count: 20_000))\r\n\r\n"
            for text in [large, "hello\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n"] {
                let answer = try await RawConnection.with(port: port) { inbound, outbound in
                    try await outbound.write(ByteBuffer(string: text))
                    return try? await RawConnection.read(inbound)
                }
                #expect(answer?.contains("200 OK") != true)
            }
            let rebound = try await RawConnection.with(port: port) { inbound, outbound in
                try await outbound.write(
                    ByteBuffer(string: "GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"))
                return try await RawConnection.read(inbound)
            }
            #expect(rebound.hasPrefix("HTTP/1.1 403") && rebound.contains("host_not_allowed"))
            #expect(try await client.get("/health").status == 200)
        }
    }

    @Test("told to stop, a server refuses new connections, finishes what it can and ends the rest", arguments: [0, 60])
    func drain(grace: Int) async throws {
        let model = try Serving.model()
        let configuration = try ServerConfiguration(port: 0, gracePeriod: .seconds(grace))
        let server = try Serving.server(model, configuration)
        let (ports, listening) = AsyncStream.makeStream(of: Int.self)
        let group = server.services(signals: []) { listening.yield($0) }
        let running = Task { try await group.run() }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        let text = try await RawConnection.with(port: port) { inbound, outbound in
            let tokens = grace == 0 ? 4000 : 300
            try await outbound.write(RawConnection.completion("\"max_tokens\": \(tokens), \"stream\": true"))
            var text = ""
            var isTold = false
            for try await buffer in inbound {
                text += String(buffer: buffer)
                if !isTold, text.contains("data: ") {
                    isTold = true
                    await group.triggerGracefulShutdown()
                }
            }
            return text
        }
        try await running.value
        #expect(text.contains("data: [DONE]"))
        #expect(text.contains("shutting_down") == (grace == 0))
        #expect(text.contains("\"finish_reason\":\"length\"") == (grace != 0))
        await model.engine.shutDown()
        let statistics = model.engine.statistics
        #expect(statistics.pagesInUse == 0 && statistics.running == 0 && statistics.waiting == 0)
        await #expect(throws: (any Error).self) {
            try await RawConnection.with(port: port) { _, _ in }
        }
    }
}
