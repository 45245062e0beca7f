import ServiceLifecycle

/// Closes connections whose clients take too long to send or to read.
struct TimeoutService: Service {
    let connections: ConnectionRegistry
    let interval: Duration

    func run() async throws {
        // The end of the server is the only way out, and no failure.
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: interval)
                connections.closeOverdue()
            }
        }
    }
}
