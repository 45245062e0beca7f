import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOEmbedded
import Synchronization

@testable import DMSServer

/// Hands requests to a server's routes, and takes its answers, without a network.
struct InProcessExchange: Sendable {
    private let responder: RouterResponder<ServerContext>
    private let logger: Logger

    init(_ server: ModelServer, logger: Logger) {
        responder = server.application().responder
        self.logger = logger
    }

    /// - Returns: The answer's head and the text of its whole body.
    func send(
        _ path: String, _ method: HTTPRequest.Method, _ headers: HTTPFields, _ body: String?
    ) async throws -> (HTTPResponse, String) {
        var headers = headers
        if let body { headers[.contentLength] = "\(body.utf8.count)" }
        let request = Request(
            head: HTTPRequest(
                method: method, scheme: "http", authority: "localhost", path: path, headerFields: headers),
            body: RequestBody(buffer: ByteBuffer(string: body ?? "")))
        let source = ApplicationRequestContextSource(channel: NIOAsyncTestingChannel(), logger: logger)
        let response = try await responder.respond(to: request, context: ServerContext(source: source))
        let text = CollectedBody()
        try await response.body.write(text)
        return (response.head, text.text)
    }

    private final class CollectedBody: ResponseBodyWriter, Sendable {
        private let bytes = Mutex<[UInt8]>([])

        var text: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }

        func write(_ buffer: ByteBuffer) async throws { bytes.withLock { $0 += Array(buffer.readableBytesView) } }

        func finish(_ trailingHeaders: HTTPFields?) async throws {}
    }
}
