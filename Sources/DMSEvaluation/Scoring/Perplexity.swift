#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The negative log-likelihood of scored tokens, summed in FP64.
public struct Perplexity: Sendable, Hashable {
    /// Σ −log p(token | everything before it in its chunk), in nats.
    public private(set) var nllSum = 0.0
    /// Scored tokens.
    public private(set) var count = 0

    /// No positions scored.
    public init() {}

    /// Adds one token.
    public mutating func add(logProbability: Double) {
        nllSum -= logProbability
        count += 1
    }

    /// exp(Σ NLL / count) per token of this tokenizer, or `nil` where nothing was scored.
    public var value: Double? { count > 0 ? exp(nllSum / Double(count)) : nil }
}
