/// Where eviction decisions come from.
public enum EvictionControl: Sendable {
    /// The checkpoint's own gate; a checkpoint without one never evicts.
    case model
    /// Nothing is evicted. The borrowed channel is treated as the checkpoint says, so that the weights are judged
    /// alone.
    case off
    /// Decisions from elsewhere: controls, benchmarks, tests. The borrowed channel is treated as the checkpoint says.
    case forced(any EvictionSource)

    /// The name in files.
    public var name: String {
        switch self {
        case .model: "model"
        case .off: "off"
        case .forced: "forced"
        }
    }
}

/// Decisions that do not come from the model.
public protocol EvictionSource: Sendable {
    /// Whether the token at `position` decides to evict, for one layer and KV head.
    func evicts(layer: Int, head: Int, position: Int) -> Bool
}
