import DMSCache
import DMSGrammar
import Synchronization

/// The way into an engine: what other threads ask of it, taken by the engine's own thread between two steps.
///
/// A step for which nobody asked anything looks at one word and takes no lock.
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

    /// What the engine's thread finds when it looks.
    struct News {
        /// What was asked since it looked last.
        let commands: [Command]
        /// When the engine has to end, once it was told to; nothing is submitted any more then.
        let closing: ContinuousClock.Instant?
    }

    private let lock = ConditionLock()
    /// Whether there is anything that ``take(waits:isDrained:until:)`` has not told; written with the lock held.
    private let hasNews = Atomic(false)
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
            tell()
            return .success(id)
        }
        return (try result.get(), buffer)
    }

    func post(_ command: Command) {
        lock.withLock {
            if hasEnded { return }
            commands.append(command)
            tell()
        }
    }

    /// Called with the lock held.
    private func tell() {
        hasNews.store(true, ordering: .releasing)
        lock.signal()
    }

    /// Takes no more requests, and lets those that are open run until then; an earlier time counts.
    func close(at instant: ContinuousClock.Instant) {
        lock.withLock {
            closing = min(closing ?? instant, instant)
            tell()
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

    /// What was asked since the last call, and when the engine has to end; `nil` when nothing has changed.
    ///
    /// - Parameters:
    ///   - waits: Whether to wait while there is nothing and no end in sight.
    ///   - isDrained: Whether there is nothing left to do, so that closing ends the wait at once.
    ///   - instant: When to stop waiting.
    func take(waits: Bool, isDrained: Bool, until instant: ContinuousClock.Instant?) -> News? {
        // Whoever stores `true` has changed what it stands for, and what is stored after this is found by the next call.
        if !waits, !hasNews.load(ordering: .acquiring) { return nil }
        return lock.withLock {
            while waits, commands.isEmpty, closing == nil || !isDrained {
                let limit = [instant, closing].compactMap { $0 }.min()
                let left = limit.map { $0 - .now }
                if let left, left <= .zero { break }
                let wasClosing = closing
                lock.wait(atMost: left)
                if closing != wasClosing { break }
            }
            hasNews.store(false, ordering: .relaxed)
            defer { commands.removeAll() }
            return News(commands: commands, closing: closing)
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
