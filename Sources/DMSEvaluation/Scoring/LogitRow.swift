#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The softmax arithmetic of evaluation: one row of FP32 logits, everything computed from it in FP64.
///
/// The loops are over raw pointers, so that they are quick in debug builds as well.
struct LogitRow {
    let pointer: UnsafePointer<Float>
    let count: Int
    /// log Σ exp of the logits, in nats.
    let logSumExp: Double
    /// The first index of the largest logit.
    let best: Int32

    /// O(count).
    init(_ row: UnsafeMutableBufferPointer<Float>) {
        guard let base = row.baseAddress else { preconditionFailure("a row of no logits") }
        pointer = UnsafePointer(base)
        count = row.count
        var best = 0
        var index = 1
        while index < count {
            if pointer[index] > pointer[best] { best = index }
            index += 1
        }
        let largest = Double(pointer[best])
        var sum = 0.0
        index = 0
        while index < count {
            sum += exp(Double(pointer[index]) - largest)
            index += 1
        }
        self.best = Int32(best)
        logSumExp = largest + log(sum)
    }

    /// The natural logarithm of a token's probability.
    func logProbability(_ token: Int32) -> Double { Double(pointer[Int(token)]) - logSumExp }

    /// KL(self ‖ other) = Σ p · (log p − log q), in nats.
    ///
    /// O(count).
    func divergence(to other: LogitRow) -> Double {
        precondition(count == other.count, "rows of \(count) and \(other.count) logits")
        let q = other.pointer
        let otherSum = other.logSumExp
        var total = 0.0
        var index = 0
        while index < count {
            let logP = Double(pointer[index]) - logSumExp
            total += exp(logP) * (logP - (Double(q[index]) - otherSum))
            index += 1
        }
        // Exactly 0 for equal rows; rounding may leave a sum of the order of 1e-16 below it.
        return max(0, total)
    }
}
