import DMSEngine
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import UnixSignals

/// Serves a model over HTTP, as OpenAI's clients expect it.
///
/// ```swift
/// let model = try ServedModel(name: "llama", engine: Engine(directory: "models/llama"))
/// try await ModelServer(model, configuration: ServerConfiguration(), logger: Logger(label: "dms")).run { port in
///     print("listening on port \(port)")
/// }
/// ```
public struct ModelServer: Sendable {
    /// What is served.
    public let model: ServedModel
    /// Where and for whom.
    public let configuration: ServerConfiguration
    private let logger: Logger
    private let metrics = ServerMetrics()
    private let connections = ConnectionRegistry()
    private let phase = ServerPhase()

    /// Headers of a request, all together.
    private static let headerBytes = 16 << 10
    private static let headerCount = 100
    /// What closing connections may take beyond the grace period.
    private static let closingTime = Duration.seconds(5)

    /// - Parameter logger: Gets a line for every request and every continuation, none with a client's text in it, and one
    ///   at the end with what was served.
    public init(_ model: ServedModel, configuration: ServerConfiguration, logger: Logger) {
        self.model = model
        self.configuration = configuration
        self.logger = logger
    }

    /// Serves until the process is told to stop by SIGTERM or SIGINT, and then ends the engine.
    ///
    /// No connection is accepted from then on; open requests have the grace period to be finished, and what is left is
    /// ended with an error.
    ///
    /// - Parameter onListening: Called with the port once requests are served.
    /// - Throws: ``ListeningError`` when the address cannot be listened on.
    public func run(onListening: @escaping @Sendable (Int) -> Void = { _ in }) async throws {
        let start = ContinuousClock.now
        let listening = Listening()
        let group = services(signals: [.sigterm, .sigint]) { port in
            listening.began.store(true, ordering: .relaxed)
            onListening(port)
        }
        do {
            try await group.run()
        } catch is CancellationError {
            // The grace period was over before every connection was closed.
        } catch {
            await model.engine.shutDown()
            if listening.began.load(ordering: .relaxed) { throw error }
            throw ListeningError(error, host: configuration.host, port: configuration.port)
        }
        await model.engine.shutDown()
        logEnd(after: ContinuousClock.now - start)
    }

    /// What it has done, for whoever reads the log afterwards.
    private func logEnd(after time: Duration) {
        let statistics = model.engine.statistics
        let requests = metrics.values.requests.values.reduce(0) { $0 + $1.values.reduce(0, +) }
        logger.info(
            "stopped",
            metadata: [
                "seconds": "\(time / .seconds(1))", "requests": "\(requests)",
                "generated_tokens": "\(statistics.generatedTokens)",
            ])
    }

    /// The server and what closes it.
    func services(signals: [UnixSignal], onListening: @escaping @Sendable (Int) -> Void) -> ServiceGroup {
        let drain = DrainService(engine: model.engine, phase: phase, gracePeriod: configuration.gracePeriod)
        // The last is told to stop first: the engine begins to close before connections do.
        var group = ServiceGroupConfiguration(
            services: [application(onListening: onListening), drain], gracefulShutdownSignals: signals, logger: logger)
        group.maximumGracefulShutdownDuration = configuration.gracePeriod + Self.closingTime
        return ServiceGroup(configuration: group)
    }

    func application(
        onListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) -> Application<RouterResponder<ServerContext>> {
        let connections = connections
        let routes = ServerRoutes(
            model: model, configuration: configuration, metrics: metrics, connections: connections, phase: phase)
        let http = HTTP1Channel.Configuration(
            additionalChannelHandlers: [DisconnectHandler(connections)],
            idleTimeout: TimeAmount(configuration.idleTimeout),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: Self.headerBytes, maxHeaderListSize: Self.headerBytes,
                maxHeaderFieldCount: Self.headerCount))
        let timeouts = TimeoutService(
            connections: connections,
            interval: min(.seconds(1), configuration.writeTimeout / 2, configuration.bodyTimeout / 2))
        return Application(
            router: routes.router(), server: .http1(configuration: http),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port),
                availableConnectionsDelegate: MaximumAvailableConnections(
                    configuration.maximumConnections, logger: logger)),
            services: [timeouts],
            onServerRunning: { channel in onListening(channel.localAddress?.port ?? configuration.port) },
            logger: logger)
    }
}

/// Whether a server has come so far.
private final class Listening: Sendable {
    let began = Atomic<Bool>(false)
}
