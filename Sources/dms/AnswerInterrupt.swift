import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Ctrl-C while an answer comes: a wish to stop it, not the program.
enum AnswerInterrupt {
    private static let received = Atomic<Bool>(false)

    static var wasReceived: Bool { received.load(ordering: .relaxed) }

    static func install() {
        received.store(false, ordering: .relaxed)
        signal(SIGINT) { _ in AnswerInterrupt.received.store(true, ordering: .relaxed) }
    }

    static func uninstall() { signal(SIGINT, SIG_DFL) }
}
