/// Whether something that another thread is about to bring about comes true, within two minutes, which only a failure
/// takes.
public func comesTrue(_ condition: () -> Bool) async -> Bool {
    let limit = ContinuousClock.now + .seconds(120)
    while !condition() {
        if .now >= limit { return false }
        try? await Task.sleep(for: .milliseconds(2))
    }
    return true
}
