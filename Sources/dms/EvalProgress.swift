/// One line on a terminal's standard error that is written over: what is done, how fast, and how long it will take.
final class EvalProgress {
    private let unit: String
    private var start = ContinuousClock.now
    private var lastCall = ContinuousClock.now
    private var label: String?
    private var lastShown: ContinuousClock.Instant?
    private var isShown = false

    /// - Parameter unit: What is counted, in the plural.
    init(unit: String) { self.unit = unit }

    /// Shows that `done` of `total` are done; at most ten times a second.
    func show(_ label: String, _ done: Int, of total: Int) {
        guard Console.isErrorTerminal, done > 0 else { return }
        let now = ContinuousClock.now
        // Another kind of work begins where the one before it ended.
        if self.label != nil, self.label != label { start = lastCall }
        self.label = label
        lastCall = now
        if let lastShown, now - lastShown < .milliseconds(100), done < total { return }
        lastShown = now
        let seconds = (now - start) / .seconds(1)
        let left = seconds / Double(done) * Double(total - done)
        let rate = Units.fixed(Double(done) / max(seconds, 1e-9), 2)
        Console.replaceLine("dms: \(label) \(done) of \(total) \(unit), \(rate)/s, \(Self.duration(left)) left")
        isShown = true
    }

    /// Takes the line away.
    func finish() {
        if isShown { Console.replaceLine("") }
        isShown = false
    }

    /// A time that people read, such as `3 min 5 s`.
    static func duration(_ seconds: Double) -> String {
        let whole = Int(max(0, min(seconds, 1e9)).rounded())
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }
}
