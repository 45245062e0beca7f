/// Nucleus sampling: keeps the smallest set of best tokens whose probability reaches p (Holtzman et al., "The Curious
/// Case of Neural Text Degeneration", arXiv 1904.09751).
///
/// As in Transformers, tokens are removed from the least likely up while the probability removed stays at most 1 − p,
/// and the best always stays. Of tokens that tie, the higher id goes first.
public struct TopPFilter: LogitFilter {
    /// 0 to 1.
    public let probability: Double

    /// Keeps as many of the best as are this probable together.
    public init(_ probability: Double) {
        precondition((0...1).contains(probability), "top-p of \(probability)")
        self.probability = probability
    }

    /// Removes the unlikely rest: O(n), by sums of weights that begin with the same bits.
    public func apply(to candidates: inout Candidates) {
        candidates.weigh()
        let (limit, equal) = candidates.withScratch(Self.mostSums) { smallestKept($0, scratch: $1) }
        candidates.keepWeights(above: limit, andOfEqual: equal)
    }

    /// The smallest weight that is kept, and how many of those that weigh as much.
    private func smallestKept(
        _ candidates: borrowing Candidates, scratch: UnsafeMutableBufferPointer<Double>
    ) -> (limit: Float, equal: Int) {
        let removable = (1 - probability) * candidates.totalWeight
        let weights = candidates.weights
        // The bits of positive numbers order like the numbers. From the high bits to the low ones: how much weighs less
        // than the weight that no longer goes as a whole.
        var removed = 0.0
        var prefix: UInt32 = 0
        for (shift, width) in Self.digits {
            let sums = UnsafeMutableBufferPointer(rebasing: scratch[..<(1 << width)])
            sums.update(repeating: 0)
            let digit = UInt32(1) << UInt32(width) - 1
            for weight in weights where weight.bitPattern >> UInt32(shift + width) == prefix {
                sums[Int(weight.bitPattern >> UInt32(shift) & digit)] += Double(weight)
            }
            // Nothing weighs more than the best.
            let last = Int(min(Float(1).bitPattern >> UInt32(shift) &- prefix << UInt32(width), digit))
            var next = 0
            while next < last, removed + sums[next] <= removable {
                removed += sums[next]
                next += 1
            }
            prefix = prefix << UInt32(width) | UInt32(next)
        }
        let limit = Float(bitPattern: prefix)
        var equal = weights.reduce(0) { $0 + ($1 == limit ? 1 : 0) }
        while equal > 0, removed + Double(limit) <= removable {
            removed += Double(limit)
            equal -= 1
        }
        return (limit, equal)
    }

    /// Bits of a weight, which is at most 1: where each part begins, and how many it has.
    private static let digits = [(shift: 19, width: 13), (8, 11), (0, 8)]
    private static let mostSums = 1 << 13
}
