#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A thread of its own for work that is long and synchronous, which the pool of Swift's tasks is not made for.
enum EngineThread {
    private final class Start {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }

    /// Runs `body` on a new thread, which ends with it.
    ///
    /// - Throws: ``EngineThreadError`` when the system starts none.
    static func start(_ body: sending @escaping () -> Void) throws(EngineThreadError) {
        let start = Unmanaged.passRetained(Start(body))
        #if canImport(Glibc)
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, start.toOpaque())
        #else
        var thread: pthread_t?
        let status = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, start.toOpaque())
        #endif
        guard status == 0 else {
            start.release()
            throw EngineThreadError(code: status)
        }
        #if canImport(Glibc)
        pthread_detach(thread)
        #else
        if let thread { pthread_detach(thread) }
        #endif
    }
}

/// The system started no thread.
public struct EngineThreadError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What the system answered, an `errno`.
    public let code: Int32

    public var description: String { "cannot start the engine's thread: \(String(cString: strerror(code)))" }
}
