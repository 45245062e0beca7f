#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// How likely the model found a token, and which it found likeliest, before any filter or temperature.
///
/// These are OpenAI's `logprobs`: natural logarithms of the softmax of the raw logits. They say what the model thought
/// and not what it was allowed to say: under a grammar the likeliest tokens may be ones that could not be chosen.
public struct LogProbabilities: Sendable, Hashable {
    /// A token and the logarithm of its probability.
    public struct Entry: Sendable, Hashable {
        /// The token's id.
        public let token: Int32
        /// The natural logarithm of its probability.
        public let logProbability: Double

        /// A token and how likely it was.
        public init(token: Int32, logProbability: Double) {
            self.token = token
            self.logProbability = logProbability
        }
    }

    /// The most alternatives that can be asked for.
    public static let largestCount = 20

    /// The token that was chosen.
    public let chosen: Entry
    /// The likeliest tokens, best first; of equal ones the lower id first.
    ///
    /// The chosen one need not be among them.
    public let top: [Entry]

    /// O(vocabulary × `count`) at worst, one pass over the logits and little more in practice.
    ///
    /// - Parameters:
    ///   - logits: One finite number per token of the vocabulary.
    ///   - count: How many of the likeliest tokens to report.
    public init(_ logits: UnsafeBufferPointer<Float>, chosen: Int32, count: Int) {
        precondition(logits.indices.contains(Int(chosen)), "token \(chosen) of \(logits.count)")
        precondition((0...Self.largestCount).contains(count), "\(count) alternatives")
        let largest = Double(logits.max() ?? 0)
        let normaliser = largest + log(logits.reduce(0) { $0 + exp(Double($1) - largest) })
        func entry(_ token: Int) -> Entry {
            Entry(token: Int32(token), logProbability: Double(logits[token]) - normaliser)
        }
        var best: [Int] = []
        for token in logits.indices where count > 0 {
            if best.count == count, logits[token] <= logits[best[count - 1]] { continue }
            if best.count == count { best.removeLast() }
            // Behind all that are at least as likely, which have lower ids.
            best.insert(token, at: best.firstIndex { logits[$0] < logits[token] } ?? best.count)
        }
        self.chosen = entry(Int(chosen))
        top = best.map(entry)
    }
}
