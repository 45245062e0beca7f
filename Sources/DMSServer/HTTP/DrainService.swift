import DMSEngine
import ServiceLifecycle

/// Closes the engine when the server is told to stop: no new requests from then on, and an end for those that are
/// open when the grace period is over.
struct DrainService: Service {
    let engine: Engine
    let phase: ServerPhase
    let gracePeriod: Duration

    func run() async throws {
        // A server that could not start is cancelled instead, and then there is nothing to wait for.
        let isOrderly = (try? await gracefulShutdown()) != nil
        phase.noteShutdown()
        let period = isOrderly ? gracePeriod : .zero
        // Not waited for: connections have to be closed to new requests while the open ones go on.
        Task { await engine.shutDown(gracePeriod: period) }
    }
}
