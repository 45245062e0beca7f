import DMSHub
import Synchronization

/// A pull on standard error: a bar on a terminal, elsewhere a line for each file.
final class PullDisplay: Sendable {
    private struct State {
        var start = ContinuousClock.now
        var total = 0
        var done = 0
        var isPlanned = false
        var meter = TransferMeter()
        var lastShown: ContinuousClock.Instant?
        var isShown = false
    }

    private static let width = 20
    private let isTerminal = Console.isErrorTerminal
    private let state = Mutex(State())

    func show(_ event: PullEvent) {
        state.withLock { state in
            switch event {
            case .planned(let plan): begin(plan, &state)
            case .received(_, let bytes):
                guard state.isPlanned else { return }
                state.done += bytes
                state.meter.add(bytes, at: (ContinuousClock.now - state.start) / .seconds(1))
                draw(&state)
            case .discarded(_, let bytes): if state.isPlanned { state.done -= bytes }
            case .finished(let file, let isNew):
                if isNew, !isTerminal { note("\(file.name), \(Units.bytes(file.size))", &state) }
            case .waiting(let what): note("waiting for another process that fetches \(what)", &state)
            case .retrying(let what, let seconds, let reason):
                note("\(what): \(reason); trying again in \(Units.fixed(seconds, 1)) s", &state)
            }
        }
    }

    /// Takes the bar away.
    func finish() {
        state.withLock { state in
            if state.isShown { Console.replaceLine("") }
            state.isShown = false
        }
    }

    private func begin(_ plan: PullPlan, _ state: inout State) {
        state.total = plan.totalBytes
        state.done = plan.presentBytes
        state.start = .now
        state.meter = TransferMeter()
        state.isPlanned = true
        guard plan.presentBytes < plan.totalBytes else { return }
        let here = plan.presentBytes > 0 ? ", of which \(Units.bytes(plan.presentBytes)) are here," : ""
        note(
            "fetching \(plan.reference) (commit \(plan.commit.prefix(12))): \(plan.files.count) files, "
                + "\(Units.bytes(plan.totalBytes))\(here) from \(plan.endpoint)", &state)
    }

    private func note(_ text: String, _ state: inout State) {
        if state.isShown { Console.replaceLine("") }
        state.isShown = false
        Console.note("dms: \(text)")
    }

    private func draw(_ state: inout State) {
        guard isTerminal, state.total > 0 else { return }
        let now = ContinuousClock.now
        if let last = state.lastShown, now - last < .milliseconds(100) { return }
        state.lastShown = now
        let filled = min(Self.width, max(0, Self.width * state.done / state.total))
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.width - filled)
        var text = "dms: \(bar) \(Units.bytes(state.done)) of \(Units.bytes(state.total))"
        if let rate = state.meter.rate { text += ", \(Units.bytes(Int(rate)))/s" }
        if let left = state.meter.seconds(for: state.total - state.done) {
            text += ", \(EvalProgress.duration(left)) left"
        }
        Console.replaceLine(text)
        state.isShown = true
    }
}
