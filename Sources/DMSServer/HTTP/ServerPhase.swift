import Synchronization

/// Whether a server is on its way out.
final class ServerPhase: Sendable {
    private let shuttingDown = Atomic<Bool>(false)

    var isShuttingDown: Bool { shuttingDown.load(ordering: .relaxed) }

    func noteShutdown() { shuttingDown.store(true, ordering: .relaxed) }
}
