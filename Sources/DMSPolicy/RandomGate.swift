/// A gate that evicts at random with a given rate: the control that shows what learned decisions are worth, and the
/// load of benchmarks.
///
/// It is stateless: the decision for a (layer, head, position) is a hash of those and the seed, so it does not depend
/// on chunking, batching or order, and is the same on every machine.
public struct RandomGate: Sendable, Hashable {
    /// The probability of eviction, 0 … 1.
    public let rate: Double
    public let seed: UInt64

    /// - Throws: ``PolicyError`` unless `0 ≤ rate ≤ 1`.
    public init(rate: Double, seed: UInt64) throws(PolicyError) {
        guard rate >= 0, rate <= 1 else {
            throw PolicyError(field: "rate", found: "\(rate)", required: "between 0 and 1")
        }
        self.rate = rate
        self.seed = seed
    }

    /// Whether the key at `position` of this KV head is evicted.
    ///
    /// - Precondition: No argument is negative.
    public func evicts(layer: Int, head: Int, position: Int) -> Bool {
        var state = Self.mix(seed)
        state = Self.mix(state ^ UInt64(layer))
        state = Self.mix(state ^ UInt64(head))
        state = Self.mix(state ^ UInt64(position))
        // The top 53 bits as a fraction in [0, 1): rate 0 never evicts and rate 1 always does.
        return Double(state >> 11) * 0x1p-53 < rate
    }

    /// One step of SplitMix64 (Steele, Lea, Flood 2014): the golden-ratio increment and its finaliser.
    private static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
