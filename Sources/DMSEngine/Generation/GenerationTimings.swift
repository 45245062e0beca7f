/// Where the time of one continuation went.
public struct GenerationTimings: Sendable, Hashable {
    /// Forward passes over the prompt.
    public internal(set) var prefillSeconds = 0.0
    /// Tokens of those passes.
    public internal(set) var prefillTokens = 0
    /// From the first call to the first token, the prefill included.
    public internal(set) var firstTokenSeconds: Double?
    /// Everything after the first token.
    public internal(set) var decodeSeconds = 0.0
    /// Tokens after the first.
    public internal(set) var decodeTokens = 0

    /// `nil` before the first pass.
    public var prefillTokensPerSecond: Double? {
        prefillSeconds > 0 ? Double(prefillTokens) / prefillSeconds : nil
    }

    /// `nil` before the second token.
    public var decodeTokensPerSecond: Double? {
        decodeTokens > 0 && decodeSeconds > 0 ? Double(decodeTokens) / decodeSeconds : nil
    }
}

/// Measures spans of time.
struct Stopwatch {
    private let start = ContinuousClock.now

    var seconds: Double {
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
