import ArgumentParser

/// Threads, for verbs whose result does not depend on them, and the check that all verbs share.
struct ThreadsOption: ParsableArguments {
    @Option(
        name: .customLong("threads"),
        help: "Threads that compute; changes no result. (default: one per processor this process may use)")
    var count: Int?

    func validate() throws { try Self.validate(count) }

    /// - Throws: `ValidationError` for a number that no kernels take.
    static func validate(_ count: Int?) throws {
        if let count, !(1...1024).contains(count) {
            throw ValidationError("--threads: found \(count), required 1 to 1024")
        }
    }
}
