import NIOCore
import NIOPosix

/// A connection that sends what it is told and reads when it likes, unlike a well-behaved client.
enum RawConnection {
    typealias Inbound = NIOAsyncChannelInboundStream<ByteBuffer>
    typealias Outbound = NIOAsyncChannelOutboundWriter<ByteBuffer>

    /// - Parameter receiveBuffer: Bytes that the system holds for a reader that does not read.
    static func with<Value: Sendable>(
        port: Int, receiveBuffer: Int? = nil, _ body: @Sendable (Inbound, Outbound) async throws -> Value
    ) async throws -> Value {
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        if let receiveBuffer {
            bootstrap = bootstrap.channelOption(
                .socketOption(.so_rcvbuf), value: SocketOptionValue(receiveBuffer))
        }
        let channel = try await bootstrap.connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
            }
        }
        return try await channel.executeThenClose { try await body($0, $1) }
    }

    /// The text of a request for a completion.
    static func completion(_ fields: String, headers: String = "") -> ByteBuffer {
        let body = "{\"model\": \"tiny\", \"prompt\": \"hello\", \"temperature\": 0, \"ignore_eos\": true, \(fields)}"
        return ByteBuffer(
            string: "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)")
    }

    /// Reads until the text has what is looked for, or the connection ends.
    static func read(_ inbound: Inbound, until marker: String? = nil) async throws -> String {
        var text = ""
        for try await buffer in inbound {
            text += String(buffer: buffer)
            if let marker, text.contains(marker) { break }
        }
        return text
    }
}
