import Dispatch
import Synchronization

/// Asynchronous work for a thread that has nothing else to do.
enum Waiting {
    private final class Outcome<Value: Sendable>: Sendable {
        let result = Mutex<Result<Value, any Error>?>(nil)
    }

    /// What `work` returns or throws.
    ///
    /// Blocks the calling thread, which must not be one that tasks run on.
    static func result<Value: Sendable>(
        of work: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        let outcome = Outcome<Value>()
        let done = DispatchSemaphore(value: 0)
        Task {
            let result: Result<Value, any Error>
            do { result = .success(try await work()) } catch { result = .failure(error) }
            outcome.result.withLock { $0 = result }
            done.signal()
        }
        done.wait()
        guard let result = outcome.result.withLock({ $0 }) else { preconditionFailure("signalled before a result") }
        return try result.get()
    }
}
