import DMSEngine
import DMSServer
import Foundation
import Logging
import Testing

@Suite("A server in a program of one's own")
struct ServerTests {
    @Test("it listens, answers and ends with its task")
    func answer() async throws {
        let served = try ServedModel(name: "recall", engine: Engine(directory: Models.shipped, threads: 1))
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let server = ModelServer(served, configuration: try ServerConfiguration(port: 0), logger: logger)
        let (ports, announce) = AsyncStream.makeStream(of: Int.self)
        let running = Task {
            defer { announce.finish() }
            try await server.run { announce.yield($0) }
        }
        let port = try #require(await ports.first { _ in true })
        let body = """
            {"model": "recall", "prompt": "\(Models.question)", "max_tokens": 2, "temperature": 0, "stop": "."}
            """
        let answer = try await Self.post(body, to: "/v1/completions", port: port)
        #expect(answer.hasPrefix("HTTP/1.1 200"))
        #expect(answer.contains(#""text":" pillow""#))
        running.cancel()
        try await running.value
        #expect(throws: EngineError.shutDown) { try served.engine.stream("A text") }
    }

    /// The whole answer to a request, headers included.
    private static func post(_ body: String, to path: String, port: Int) async throws -> String {
        let request = """
            POST \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
            Content-Length: \(body.utf8.count)\r\n\r\n\(body)
            """
        return try await withCheckedThrowingContinuation { continuation in
            // A thread of its own: reads wait for the server, which needs the pool's.
            Thread { continuation.resume(with: Result { try exchange(request, port: port) }) }.start()
        }
    }

    private static func exchange(_ request: String, port: Int) throws -> String {
        #if canImport(Darwin)
        let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #else
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #endif
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(connected == 0)
        let file = FileHandle(fileDescriptor: descriptor)
        try file.write(contentsOf: Data(request.utf8))
        return String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
    }
}
