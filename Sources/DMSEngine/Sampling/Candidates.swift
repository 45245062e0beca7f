import DMSGrammar

/// The tokens that may still be chosen, in ascending order of id, and their logits.
///
/// Filters remove tokens from the list, so that each works on what the one before it left.
public struct Candidates: Sendable {
    /// The tokens, in the order of ``logits``.
    public private(set) var ids: [Int32] = []
    /// Their logits.
    public private(set) var logits: [Float] = []
    /// `exp(logit − largest logit)` of each, its probability but for a common factor, as of the last ``weigh()``.
    private(set) var weights: [Float] = []
    /// Room for what a filter adds up or sorts, kept from token to token.
    private var scratch: [Double] = []

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

    /// Brings ``weights`` up to date.
    mutating func weigh() {
        if weights.count != count {
            weights.removeAll(keepingCapacity: true)
            weights.append(contentsOf: repeatElement(0, count: count))
        }
        let largest = logits[best]
        let source = logits
        weights.withUnsafeMutableBufferPointer { weights in
            source.withUnsafeBufferPointer { $0.exponentials(less: largest, into: weights) }
        }
    }

    /// The sum of ``weights``.
    var totalWeight: Double { weights.withUnsafeBufferPointer(\.total) }

    /// The position at which the sum of ``weights`` passes a number, or `nil` where it never does.
    func position(passing target: Double) -> Int? { weights.withUnsafeBufferPointer { $0.position(passing: target) } }

    /// Lends a filter so many numbers to work with, which hold nothing in particular.
    mutating func withScratch<Result>(
        _ count: Int, _ body: (borrowing Self, UnsafeMutableBufferPointer<Double>) -> Result
    ) -> Result {
        var scratch: [Double] = []
        swap(&scratch, &self.scratch)
        defer { swap(&scratch, &self.scratch) }
        if scratch.count < count { scratch.append(contentsOf: repeatElement(0, count: count - scratch.count)) }
        return scratch.withUnsafeMutableBufferPointer { body(self, UnsafeMutableBufferPointer(rebasing: $0[..<count])) }
    }

    /// Keeps what is at least so large.
    mutating func keepLogits(from limit: Float) {
        keep { _, logit in logit >= limit }
    }

    /// Keeps what weighs more than a limit, the first so many of what weighs as much, and in any case the best.
    ///
    /// ``weights`` are up to date, and out of date afterwards.
    mutating func keepWeights(above limit: Float, andOfEqual equal: Int) {
        let (weights, best) = (weights, best)
        var equal = equal
        keep { index, _ in
            if weights[index] == limit { equal -= 1 }
            return weights[index] > limit || (weights[index] == limit && equal >= 0) || index == best
        }
    }

    /// Removes what `isKept`, given a position and the logit there, refuses.
    private mutating func keep(where isKept: (Int, Float) -> Bool) {
        var kept = 0
        for index in ids.indices where isKept(index, logits[index]) {
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
