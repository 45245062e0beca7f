/// What the gates of one pass decided, per (layer, KV head).
public struct GateStatistics: Sendable, Hashable {
    /// Layers.
    public let layers: Int
    /// KV heads of a layer.
    public let heads: Int
    /// Decisions per (layer, KV head).
    public internal(set) var decisionsPerHead = 0
    /// Σ alpha, `[layer][head]` flattened.
    var alphaSums: [Double]
    /// Decisions that serving would make to evict: without noise, at the hard threshold.
    var evictions: [Int]

    /// Nothing counted.
    public init(layers: Int, heads: Int) {
        self.layers = layers
        self.heads = heads
        alphaSums = Array(repeating: 0, count: layers * heads)
        evictions = Array(repeating: 0, count: layers * heads)
    }

    /// Decisions in all.
    public var decisions: Int { decisionsPerHead * layers * heads }
    /// Mean alpha, the soft eviction rate; 0 where nothing was decided.
    public var softRate: Double { decisions == 0 ? 0 : alphaSums.reduce(0, +) / Double(decisions) }
    /// The share of hard decisions to evict; 0 where nothing was decided.
    public var hardRate: Double { decisions == 0 ? 0 : Double(evictions.reduce(0, +)) / Double(decisions) }

    /// Mean alpha of one head.
    public func softRate(layer: Int, head: Int) -> Double {
        decisionsPerHead == 0 ? 0 : alphaSums[layer * heads + head] / Double(decisionsPerHead)
    }

    /// The share of hard decisions to evict of one head.
    public func hardRate(layer: Int, head: Int) -> Double {
        decisionsPerHead == 0 ? 0 : Double(evictions[layer * heads + head]) / Double(decisionsPerHead)
    }

    mutating func merge(_ other: GateStatistics) {
        decisionsPerHead += other.decisionsPerHead
        for index in alphaSums.indices {
            alphaSums[index] += other.alphaSums[index]
            evictions[index] += other.evictions[index]
        }
    }
}
