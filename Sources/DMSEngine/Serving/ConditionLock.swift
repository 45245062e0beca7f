#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A lock with a condition that a thread can wait for, with a time limit.
final class ConditionLock: @unchecked Sendable {
    // Invariant for Sendable: the two objects of the system are made for several threads, and never move.

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        let statuses = [pthread_mutex_init(mutex, nil), pthread_cond_init(condition, nil)]
        precondition(statuses == [0, 0], "a lock that the system refuses: \(statuses)")
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }

    /// Wakes whoever waits.
    func signal() { pthread_cond_broadcast(condition) }

    /// Waits for ``signal()`` with the lock held; it may also return without reason.
    ///
    /// - Parameter limit: How long at most; `nil` for ever.
    func wait(atMost limit: Duration?) {
        guard let limit else {
            pthread_cond_wait(condition, mutex)
            return
        }
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        // A day is as good as for ever, and keeps the sum in range.
        let (seconds, attoseconds) = min(max(limit, .zero), .seconds(86_400)).components
        let nanoseconds = time.tv_nsec + Int(attoseconds / 1_000_000_000)
        time.tv_sec += Int(seconds) + nanoseconds / 1_000_000_000
        time.tv_nsec = nanoseconds % 1_000_000_000
        pthread_cond_timedwait(condition, mutex, &time)
    }
}
