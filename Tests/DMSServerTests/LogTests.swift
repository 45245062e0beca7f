import DMSEngine
import HTTPTypes
import Logging
import Synchronization
import Testing

@testable import DMSServer

@Suite("Log")
struct LogTests {
    private final class Lines: Sendable {
        private let lines = Mutex("")

        var text: String { lines.withLock { $0 } }

        func append(_ line: String) { lines.withLock { $0 += line + "\n" } }
    }

    private struct Handler: LogHandler {
        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            lines.append("\(event.message) \(metadata.merging(event.metadata ?? [:]) { $1 })")
        }
    }

    @Test("every answer and every continuation has a line, and no line has a client's text in it")
    func noText() async throws {
        let lines = Lines()
        let model = try Serving.model()
        let logger = Logger(label: "test") { _ in Handler(lines: lines) }
        let client = Client(try Serving.server(model), logger: logger)
        _ = try await client.complete("\"max_tokens\": 3", prompt: "\"classified\"")
        _ = try await client.complete("\"max_tokens\": 3, \"stream\": true", prompt: "\"classified\"")
        _ = try await client.complete("\"classified\": 3")
        _ = try await client.chat("", messages: #"[{"role": "user", "content": "classified"}]"#)
        _ = try await client.get("/classified")
        _ = try await client.get("/v1/models/classified", headers: [.authorization: "Bearer classified"])
        await model.engine.shutDown()
        let text = lines.text
        for part in ["generated_tokens", "/v1/chat/completions", "NotFound", "404"] {
            #expect(text.contains(part), "\(part)")
        }
        #expect(!text.contains("classified"))
    }
}
