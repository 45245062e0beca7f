import DMSCache

/// Writes conversations to their files on a thread of its own, one after another, while the engine computes.
///
/// Their sequences stay in the cache, untouched, until the engine has taken note of the end: ``takeEnded(waits:)``.
final class SessionWriter: @unchecked Sendable {
    // Invariant for Sendable: everything that changes is touched with the lock held.

    struct Job: Sendable {
        let id: RequestID
        let snapshot: SequenceSnapshot
        let name: SessionName
    }

    /// How a job ended.
    struct End: Sendable {
        let id: RequestID
        /// Why nothing was saved.
        let error: (any Error)?
    }

    private let lock = ConditionLock()
    private let store: SessionStore
    private let onEnd: @Sendable () -> Void
    private var jobs: [Job] = []
    private var ends: [End] = []
    /// Jobs that the engine has not taken note of.
    private var openCount = 0
    private var isClosed = false

    /// - Parameter onEnd: Called on the writer's thread after every job.
    /// - Throws: ``EngineThreadError`` when the system starts no thread.
    init(_ store: SessionStore, onEnd: @escaping @Sendable () -> Void) throws(EngineThreadError) {
        self.store = store
        self.onEnd = onEnd
        try EngineThread.start { [self] in run() }
    }

    // MARK: From the engine's thread

    func write(_ job: Job) {
        lock.withLock {
            jobs.append(job)
            openCount += 1
            lock.signal()
        }
    }

    /// The jobs that ended since the last call.
    ///
    /// - Parameter waits: Whether to wait until all have ended.
    func takeEnded(waits: Bool) -> [End] {
        lock.withLock {
            while waits, ends.count < openCount { lock.wait(atMost: nil) }
            openCount -= ends.count
            defer { ends.removeAll() }
            return ends
        }
    }

    /// Ends the thread once everything is written.
    func close() {
        lock.withLock {
            isClosed = true
            lock.signal()
        }
    }

    // MARK: The writer's thread

    private func run() {
        while let job = next() {
            var failure: (any Error)?
            do {
                try store.write(job.snapshot, as: job.name)
            } catch {
                failure = error
            }
            lock.withLock {
                ends.append(End(id: job.id, error: failure))
                lock.signal()
            }
            onEnd()
        }
    }

    private func next() -> Job? {
        lock.withLock {
            while jobs.isEmpty, !isClosed { lock.wait(atMost: nil) }
            return jobs.isEmpty ? nil : jobs.removeFirst()
        }
    }
}
