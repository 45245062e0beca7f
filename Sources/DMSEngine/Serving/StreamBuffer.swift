import Synchronization

/// What an engine has to say to one consumer, who may read when it likes.
final class StreamBuffer: Sendable {
    /// Resumed with what there is to read, nothing after the end.
    private typealias Waiter = CheckedContinuation<[GenerationEvent], any Error>

    private struct State {
        var events: [GenerationEvent] = []
        var waiter: Waiter?
        /// Set when nothing more is pushed; an error comes after the events.
        var ending: Result<Void, any Error>?
        /// Whether the engine was told to pause, and not to go on since.
        var isPaused = false

        /// Takes the oldest events, at most `limit`; none after the end, `nil` when there is nothing yet.
        mutating func take(atMost limit: Int) -> Result<[GenerationEvent], any Error>? {
            precondition(waiter == nil, "a stream with two consumers")
            if events.isEmpty {
                defer { if ending != nil { ending = .success(()) } }
                return ending.map { $0.map { [] } }
            }
            var taken: [GenerationEvent] = []
            if events.count <= limit {
                swap(&taken, &events)
            } else {
                taken = Array(events.prefix(limit))
                events.removeFirst(limit)
            }
            return .success(taken)
        }

        /// Takes note that the engine may go on, once half of what is enough has been read.
        mutating func resumes(below limit: Int) -> Bool {
            guard isPaused, events.count <= limit / 2 else { return false }
            isPaused = false
            return true
        }
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
        let (waiter, isFull) = state.withLock { state -> (Waiter?, Bool) in
            if state.ending != nil { return (nil, false) }
            if let waiter = state.waiter {
                state.waiter = nil
                return (waiter, false)
            }
            state.events.append(event)
            state.isPaused = state.events.count >= limit
            return (nil, state.isPaused)
        }
        waiter?.resume(returning: [event])
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
        let waiter = state.withLock { state -> Waiter? in
            if state.ending != nil { return nil }
            state.ending = ending
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(with: ending.map { [] })
    }

    // MARK: The consumer's side

    /// The next events, oldest first: as many as there are, at least one, none after the last.
    ///
    /// - Parameters:
    ///   - limit: The most to take.
    ///   - onRoom: Called when the engine was told to pause and may go on.
    /// - Throws: What the stream failed with, once; `CancellationError` after ``abandon()``.
    func next(atMost limit: Int, onRoom: () -> Void) async throws -> [GenerationEvent] {
        var hasRoom = false
        let events: [GenerationEvent] = try await withCheckedThrowingContinuation { continuation in
            let taken = state.withLock { state -> Result<[GenerationEvent], any Error>? in
                let taken = state.take(atMost: limit)
                if taken == nil { state.waiter = continuation }
                hasRoom = state.resumes(below: self.limit)
                return taken
            }
            if let taken { continuation.resume(with: taken) }
        }
        if hasRoom { onRoom() }
        return events
    }

    /// The consumer leaves: what was not read is dropped, and so is what comes.
    func abandon() {
        let waiter = state.withLock { state -> Waiter? in
            state.events.removeAll()
            state.ending = .failure(CancellationError())
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(throwing: CancellationError())
    }
}
