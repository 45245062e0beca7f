import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Ctrl-C and termination as a wish to stop between two steps; the second one ends the process at once.
enum StopSignals {
    private static let received = Atomic<Bool>(false)

    static var wereReceived: Bool { received.load(ordering: .relaxed) }

    static func install() {
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                StopSignals.received.store(true, ordering: .relaxed)
                signal(number, SIG_DFL)
            }
        }
    }
}
