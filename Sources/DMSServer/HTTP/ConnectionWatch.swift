import Synchronization

/// What is known of a client's connection beside its bytes: whether the client has left, and until when it must have
/// sent or taken what is under way.
final class ConnectionWatch: Sendable {
    private struct State {
        var isClosed = false
        var deadline: ContinuousClock.Instant?
        var nextID = 0
        var handlers: [Int: @Sendable () -> Void] = [:]
    }

    private let state = Mutex(State())
    private let close: @Sendable () -> Void

    /// - Parameter close: Closes the connection.
    init(close: @escaping @Sendable () -> Void) { self.close = close }

    /// Runs `body`, and `onClose` as soon as the client has left meanwhile or before.
    func whileOpen<Value>(
        isolation: isolated (any Actor)? = #isolation, onClose: @escaping @Sendable () -> Void,
        _ body: () async throws -> Value
    ) async rethrows -> Value {
        let id = state.withLock { state -> Int? in
            if state.isClosed { return nil }
            state.nextID += 1
            state.handlers[state.nextID] = onClose
            return state.nextID
        }
        if id == nil { onClose() }
        defer { if let id { state.withLock { state in _ = state.handlers.removeValue(forKey: id) } } }
        return try await body()
    }

    /// Runs `body`; when it takes longer, the connection is closed, which ends whatever waits for the client.
    func within<Value>(
        _ limit: Duration, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
    ) async rethrows -> Value {
        state.withLock { $0.deadline = .now + limit }
        defer { state.withLock { $0.deadline = nil } }
        return try await body()
    }

    /// The client has left.
    func noteClosed() {
        let handlers = state.withLock { state -> [@Sendable () -> Void] in
            state.isClosed = true
            defer { state.handlers.removeAll() }
            return Array(state.handlers.values)
        }
        for handler in handlers { handler() }
    }

    func closeIfOverdue(_ now: ContinuousClock.Instant) {
        let isOverdue = state.withLock { state in state.deadline.map { $0 <= now } ?? false }
        if isOverdue { close() }
    }
}
