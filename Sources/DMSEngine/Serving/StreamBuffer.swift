import Synchronization

/// What an engine has to say to one consumer, who may read when it likes.
///
/// Pushing takes a lock, which is the consumer's for as long as it takes some events out, and allocates nothing as long
/// as no more wait than did before. A ring without a lock would save a lock that is free in nearly every step, and could not
/// say who waits for whom, nor that nobody reads any more.
final class StreamBuffer: Sendable {
    /// Resumed when there is something to read.
    private typealias Waiter = CheckedContinuation<Void, Never>

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
                // Here, and not where they are pushed, is time to allocate.
                events.reserveCapacity(StreamBuffer.room)
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

    /// Events that an idle buffer has room for: more than come while a consumer is on its way.
    private static let room = 8

    /// Events after which the engine pauses.
    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
        state.withLock { $0.events.reserveCapacity(Self.room) }
    }

    /// Whether the end was pushed or the consumer has left.
    var isEnded: Bool { state.withLock { $0.ending != nil } }

    // MARK: The engine's side

    /// - Returns: Whether that is enough until the consumer reads.
    func push(_ event: GenerationEvent) -> Bool {
        let (waiter, isFull) = state.withLock { state -> (Waiter?, Bool) in
            if state.ending != nil { return (nil, false) }
            state.events.append(event)
            // Who waits for an event is about to take it. What was paused stays so until the consumer says otherwise.
            if state.waiter == nil, state.events.count >= limit { state.isPaused = true }
            defer { state.waiter = nil }
            return (state.waiter, state.isPaused)
        }
        waiter?.resume()
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
        waiter?.resume()
    }

    // MARK: The consumer's side

    /// The next events, oldest first: as many as there are, at least one, none after the last.
    ///
    /// - Parameters:
    ///   - limit: The most to take.
    ///   - onRoom: Called when the engine was told to pause and may go on.
    /// - Throws: What the stream failed with, once; `CancellationError` after ``abandon()``.
    func next(atMost limit: Int, onRoom: () -> Void) async throws -> [GenerationEvent] {
        while true {
            let (taken, hasRoom) = state.withLock { state in
                (state.take(atMost: limit), state.resumes(below: self.limit))
            }
            if hasRoom { onRoom() }
            if let taken { return try taken.get() }
            await withCheckedContinuation { continuation in
                let isReadable = state.withLock { state in
                    if state.events.isEmpty, state.ending == nil { state.waiter = continuation }
                    return state.waiter == nil
                }
                if isReadable { continuation.resume() }
            }
        }
    }

    /// The consumer leaves: what was not read is dropped, and so is what comes.
    func abandon() {
        let waiter = state.withLock { state -> Waiter? in
            state.events.removeAll()
            state.ending = .failure(CancellationError())
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }
}
