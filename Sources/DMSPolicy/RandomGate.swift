/// A gate that evicts at random with a given rate: the control that shows what learned decisions are worth, and the
/// load of benchmarks.
///
/// It is stateless: the decision for a (layer, head, position) is a hash of those and the seed, so it does not depend
/// on chunking, batching or order, and is the same on every machine.
public struct RandomGate: Sendable, Hashable {
    /// The probability of eviction, 0 … 1.
    public let rate: Double
    /// The same seed gives the same decisions.
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
        // Rate 0 never evicts and rate 1 always does.
        HashedDraw(seed: seed).at(layer).at(head).at(position).uniform < rate
    }
}
