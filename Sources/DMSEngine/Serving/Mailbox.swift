import DMSCache
import DMSGrammar

/// The way into an engine: what other threads ask of it, taken by the engine's own thread between two steps.
final class Mailbox: @unchecked Sendable {
    // Invariant for Sendable: everything that changes is touched with the lock held.

    struct Submission: Sendable {
        let id: RequestID
        let request: GenerationRequest
        /// What the request continues.
        let session: SequenceFile?
        /// What its text must be.
        let constraint: OutputConstraint?
        let buffer: StreamBuffer
        let submitted: ContinuousClock.Instant
    }

    enum Command: Sendable {
        case submit(Submission)
        case cancel(RequestID)
        /// A paused request's consumer has read.
        case resume(RequestID)
        /// A conversation was written to its file, or could not be.
        case saved
    }

    private let lock = ConditionLock()
    private let openLimit: Int
    private var commands: [Command] = []
    private var nextID = 0
    private var openCount = 0
    private var closing: ContinuousClock.Instant?
    private var hasEnded = false
    private var endWaiters: [CheckedContinuation<Void, Never>] = []

    /// - Parameter openLimit: The most requests that are open at a time.
    init(openLimit: Int) { self.openLimit = openLimit }

    // MARK: From any thread

    /// Whether a request would be taken now: to be asked before work that one which is refused should not cost.
    ///
    /// - Throws: As ``submit(_:session:constraint:bufferedEvents:)``, which decides.
    func requireRoom() throws(EngineError) {
        if let refusal = lock.withLock({ refusal }) { throw refusal }
    }

    /// Read with the lock held.
    private var refusal: EngineError? {
        closing != nil ? .shutDown : openCount >= openLimit ? .overloaded(limit: openLimit) : nil
    }

    /// Takes a request.
    ///
    /// - Throws: ``EngineError/overloaded(limit:)`` or ``EngineError/shutDown``.
    func submit(
        _ request: GenerationRequest, session: SequenceFile? = nil, constraint: OutputConstraint? = nil,
        bufferedEvents: Int
    ) throws(EngineError) -> (RequestID, StreamBuffer) {
        let buffer = StreamBuffer(limit: bufferedEvents)
        let result = lock.withLock { () -> Result<RequestID, EngineError> in
            if let refusal { return .failure(refusal) }
            let id = RequestID(nextID)
            nextID += 1
            openCount += 1
            let submission = Submission(
                id: id, request: request, session: session, constraint: constraint, buffer: buffer, submitted: .now)
            commands.append(.submit(submission))
            lock.signal()
            return .success(id)
        }
        return (try result.get(), buffer)
    }

    func post(_ command: Command) {
        lock.withLock {
            if hasEnded { return }
            commands.append(command)
            lock.signal()
        }
    }

    /// Takes no more requests, and lets those that are open run until then; an earlier time counts.
    func close(at instant: ContinuousClock.Instant) {
        lock.withLock {
            closing = min(closing ?? instant, instant)
            lock.signal()
        }
    }

    /// Waits until the engine's thread has given everything back.
    func waitForEnd() async {
        await withCheckedContinuation { continuation in
            let isOver = lock.withLock { () -> Bool in
                if !hasEnded { endWaiters.append(continuation) }
                return hasEnded
            }
            if isOver { continuation.resume() }
        }
    }

    // MARK: From the engine's thread

    /// When the engine has to end, once it was told to.
    var closingTime: ContinuousClock.Instant? { lock.withLock { closing } }

    /// What was asked since the last call.
    ///
    /// - Parameters:
    ///   - waits: Whether to wait while there is nothing and no end in sight.
    ///   - instant: When to stop waiting.
    func take(waits: Bool, until instant: ContinuousClock.Instant?) -> [Command] {
        lock.withLock {
            while waits, commands.isEmpty {
                let limit = [instant, closing].compactMap { $0 }.min()
                let left = limit.map { $0 - .now }
                if let left, left <= .zero { break }
                let wasClosing = closing
                lock.wait(atMost: left)
                if closing != wasClosing { break }
            }
            defer { commands.removeAll() }
            return commands
        }
    }

    /// A request is no longer open.
    func noteEnd() { lock.withLock { openCount -= 1 } }

    /// The engine's thread has given everything back.
    func end() {
        let waiters = lock.withLock { () -> [CheckedContinuation<Void, Never>] in
            hasEnded = true
            commands.removeAll()
            defer { endWaiters.removeAll() }
            return endWaiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
