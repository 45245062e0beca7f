import DMSTraining

/// A training run on one line of a terminal; elsewhere, as in a log, a line of its own now and then.
final class TrainingProgress {
    /// Between two lines of a log: a run of a day leaves few enough to read.
    private static let loggedEvery = Duration.seconds(30)

    private let total: Int
    private let start = ContinuousClock.now
    /// An exponential mean, so that the time left does not jump.
    private var secondsPerStep: Double?
    private var lastShown: ContinuousClock.Instant?
    private var isShown = false

    init(total: Int) { self.total = total }

    func show(_ record: StepRecord) {
        let isTerminal = Console.isErrorTerminal
        secondsPerStep = secondsPerStep.map { 0.9 * $0 + 0.1 * record.seconds } ?? record.seconds
        let now = ContinuousClock.now
        if isTerminal {
            if let lastShown, now - lastShown < .milliseconds(100), record.step < total { return }
        } else if now - (lastShown ?? start) < Self.loggedEvery {
            return
        }
        lastShown = now
        let left = EvalProgress.duration((secondsPerStep ?? 0) * Double(total - record.step))
        var text = "dms: step \(record.step) of \(total)"
        switch record.phase {
        case .pretraining: text += ", loss \(Units.fixed(record.tokenLoss, 4))"
        case .zeroing: text += ", zeroing, KL \(Units.fixed(record.tokenLoss, 5))"
        case .gating:
            text +=
                ", ratio \(Units.fixed(record.ratio, 2)), KL \(Units.fixed(record.tokenLoss, 5)), evicts "
                + "\(Units.fixed(record.softRate, 3)) soft, \(Units.fixed(record.hardRate, 3)) hard of "
                + Units.fixed(record.targetRate, 3)
        }
        let rate = record.seconds > 0 ? Double(record.tokens) / record.seconds : 0
        text += ", \(Int(rate)) tokens/s, \(left) left"
        guard isTerminal else { return Console.note(text) }
        Console.replaceLine(text)
        isShown = true
    }

    func finish() {
        if isShown { Console.replaceLine("") }
        isShown = false
    }
}
