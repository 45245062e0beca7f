import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Requests through async-http-client.
public struct AsyncHTTPTransport: HubTransport {
    private let client: HTTPClient

    /// - Parameters:
    ///   - connectTimeout: For reaching a server.
    ///   - silenceTimeout: The longest time without a byte of an answer.
    public init(connectTimeout: Duration = .seconds(10), silenceTimeout: Duration = .seconds(30)) {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: TimeAmount(connectTimeout), read: TimeAmount(silenceTimeout)),
            decompression: .disabled)
        // One connection a file: streams that share one also share its losses.
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        // A request that waits for a connection would be taken for one that finds nobody.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = ModelPull.largestParallelism
        // The same errors on every system.
        client = HTTPClient(
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: configuration)
    }

    public func get(_ request: HubRequest) async throws -> HubResponse {
        var outgoing = HTTPClientRequest(url: request.url.text)
        for header in request.headers { outgoing.headers.add(name: header.name, value: header.value) }
        let response: HTTPClientResponse
        do {
            // Silence is bounded; how long a large file takes is not.
            response = try await client.execute(outgoing, deadline: .distantFuture)
        } catch {
            throw Self.failure(error)
        }
        return HubResponse(
            status: Int(response.status.code), headers: response.headers.map { ($0.name, $0.value) },
            body: Body(base: response.body))
    }

    public func close() async { try? await client.shutdown() }

    private struct Body: AsyncSequence, Sendable {
        let base: HTTPClientResponse.Body

        struct Iterator: AsyncIteratorProtocol {
            var base: HTTPClientResponse.Body.AsyncIterator

            mutating func next() async throws -> [UInt8]? {
                do {
                    return try await base.next().map { Array($0.readableBytesView) }
                } catch {
                    throw failure(error)
                }
            }
        }

        func makeAsyncIterator() -> Iterator { Iterator(base: base.makeAsyncIterator()) }
    }

    /// What the system says when nobody is at an address, or no way leads there.
    private static let unreachable = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL]

    private static func failure(_ error: any Error) -> any Error {
        switch error {
        case is CancellationError: error
        case let error as HTTPClientError: failure(error)
        case let error as NIOConnectionError:
            TransportFailure(.connect, error.connectionErrors.first.map { "\($0.error)" } ?? "no address for the host")
        case let error as IOError where unreachable.contains(error.errnoCode):
            TransportFailure(.connect, String(cString: strerror(error.errnoCode)))
        case NIOSSLError.uncleanShutdown: TransportFailure(.broken, "the end of a secure connection without its close")
        case NIOSSLError.handshakeFailed(.sslError(let stack)) where stack.contains(.eofDuringHandshake):
            TransportFailure(.connect, "the end of the connection during the handshake")
        case let error as NIOSSLError: TransportFailure(.identity, "no secure connection: \(error)")
        case let error as NIOSSLExtraError: TransportFailure(.identity, "no secure connection: \(error)")
        default: TransportFailure(.broken, "\(error)")
        }
    }

    private static func failure(_ error: HTTPClientError) -> any Error {
        switch error {
        case .cancelled: CancellationError()
        case .connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout:
            TransportFailure(.connect, "no connection in time")
        case .readTimeout: TransportFailure(.silence, "silence for too long")
        default: TransportFailure(.broken, error.description)
        }
    }
}

extension TimeAmount {
    fileprivate init(_ duration: Duration) {
        let parts = duration.components
        self = .nanoseconds(parts.seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000)
    }
}
