import Synchronization

/// What an engine has to say to one consumer, who may read when it likes.
final class StreamBuffer: Sendable {
    private struct State {
        var events: [GenerationEvent] = []
        var waiter: CheckedContinuation<GenerationEvent?, any Error>?
        /// Set when nothing more is pushed; an error comes after the events.
        var ending: Result<Void, any Error>?
        /// Whether the engine was told to pause, and not to go on since.
        var isPaused = false
    }

    /// Events after which the engine pauses.
    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    /// Whether the end was pushed or the consumer has left.
    var isEnded: Bool { state.withLock { $0.ending != nil } }

    // MARK: The engine's side

    /// - Returns: Whether that is enough until the consumer reads.
    func push(_ event: GenerationEvent) -> Bool {
        let (waiter, isFull) = state.withLock { state -> (CheckedContinuation<GenerationEvent?, any Error>?, Bool) in
            if state.ending != nil { return (nil, false) }
            if let waiter = state.waiter {
                state.waiter = nil
                return (waiter, false)
            }
            state.events.append(event)
            state.isPaused = state.events.count >= limit
            return (nil, state.isPaused)
        }
        waiter?.resume(returning: event)
        return isFull
    }

    /// Pushes the last event.
    func finish(_ event: GenerationEvent) {
        _ = push(event)
        end(.success(()))
    }

    /// Ends the stream with an error, after what was pushed before.
    func fail(_ error: any Error) { end(.failure(error)) }

    private func end(_ ending: Result<Void, any Error>) {
        let waiter = state.withLock { state -> CheckedContinuation<GenerationEvent?, any Error>? in
            if state.ending != nil { return nil }
            state.ending = ending
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(with: ending.map { nil })
    }

    // MARK: The consumer's side

    /// The next event, `nil` after the last.
    ///
    /// - Parameter onRoom: Called when the engine was told to pause and may go on.
    /// - Throws: What the stream failed with, once; `CancellationError` after ``abandon()``.
    func next(onRoom: () -> Void) async throws -> GenerationEvent? {
        var hasRoom = false
        let event: GenerationEvent? = try await withCheckedThrowingContinuation { continuation in
            let result = state.withLock { state -> Result<GenerationEvent?, any Error>? in
                if !state.events.isEmpty {
                    let event = state.events.removeFirst()
                    hasRoom = state.isPaused && state.events.count <= limit / 2
                    if hasRoom { state.isPaused = false }
                    return .success(event)
                }
                if let ending = state.ending {
                    state.ending = .success(())
                    return ending.map { nil }
                }
                precondition(state.waiter == nil, "a stream with two consumers")
                state.waiter = continuation
                return nil
            }
            if let result { continuation.resume(with: result) }
        }
        if hasRoom { onRoom() }
        return event
    }

    /// The consumer leaves: what was not read is dropped, and so is what comes.
    func abandon() {
        let waiter = state.withLock { state -> CheckedContinuation<GenerationEvent?, any Error>? in
            state.events.removeAll()
            state.ending = .failure(CancellationError())
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(throwing: CancellationError())
    }
}
