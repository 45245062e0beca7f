import DMSGrammar

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The tokens that may still be chosen, in ascending order of id, and their logits.
///
/// Filters remove tokens from the list, so that each works on what the one before it left.
public struct Candidates: Sendable {
    /// The tokens, in the order of ``logits``.
    public private(set) var ids: [Int32] = []
    /// Their logits.
    public private(set) var logits: [Float] = []

    /// No candidates.
    public init() {}

    /// Every token of a row of logits.
    public init(_ row: [Float]) {
        row.withUnsafeBufferPointer { fill($0) }
    }

    /// How many there are.
    public var count: Int { ids.count }

    /// Starts again from a row of logits, one per token of the vocabulary, and keeps the memory.
    public mutating func fill(_ row: UnsafeBufferPointer<Float>) {
        logits.removeAll(keepingCapacity: true)
        logits.append(contentsOf: row)
        ids.removeAll(keepingCapacity: true)
        ids.append(contentsOf: 0..<Int32(row.count))
    }

    /// Starts again from the tokens of a mask, as if there were no others.
    mutating func fill(_ row: UnsafeBufferPointer<Float>, allowing mask: TokenMask) {
        logits.removeAll(keepingCapacity: true)
        ids.removeAll(keepingCapacity: true)
        mask.forEach { token in
            guard row.indices.contains(Int(token)) else { return }
            ids.append(token)
            logits.append(row[Int(token)])
        }
    }

    /// Replaces the logit at an index of the list.
    mutating func setLogit(_ logit: Float, at index: Int) { logits[index] = logit }

    /// The position of the largest logit; of equal ones the first, which has the lowest id.
    public var best: Int {
        logits.withUnsafeBufferPointer(\.largestIndex)
    }

    /// `exp(logit − largest logit)` of each candidate: its probability but for a common factor.
    func weights() -> [Double] {
        let largest = Double(logits[best])
        return logits.map { exp(Double($0) - largest) }
    }

    /// Removes what `isKept` refuses; its argument is a position in the list.
    mutating func keep(where isKept: (Int) -> Bool) {
        var kept = 0
        for index in ids.indices where isKept(index) {
            ids[kept] = ids[index]
            logits[kept] = logits[index]
            kept += 1
        }
        ids.removeSubrange(kept...)
        logits.removeSubrange(kept...)
    }

    mutating func map(_ transform: (Float) -> Float) {
        for index in logits.indices { logits[index] = transform(logits[index]) }
    }
}

/// One step between logits and the draw.
///
/// A filter never removes the best candidate, and so never all of them.
public protocol LogitFilter: Sendable {
    func apply(to candidates: inout Candidates)
}
