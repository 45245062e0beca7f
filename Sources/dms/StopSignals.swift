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

    private static let answer: StaticString = """

        dms: stopping when this step is done, and saving; once more ends at once and loses what came after the last save

        """

    private static func say() { _ = write(STDERR_FILENO, answer.utf8Start, answer.utf8CodeUnitCount) }

    static func install() {
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                StopSignals.received.store(true, ordering: .relaxed)
                signal(number, SIG_DFL)
                // A handler may call little more than this.
                if number == SIGINT { StopSignals.say() }
            }
        }
    }
}
