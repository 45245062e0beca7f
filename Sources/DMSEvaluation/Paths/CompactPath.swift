public import DMSCache
public import DMSModel
public import DMSPolicy
public import DMSTensor

/// The serving cache: only what is alive is stored.
public final class CompactPath: AttentionPath {
    public let name = "compact"
    public let kvType: ScalarType
    public let retention: (rule: RetentionRule, assembly: DecisionAssembly)?
    private let cache: CompactAttention

    /// The rule of the model's own checkpoint; a cache that keeps everything where it has no gate.
    public init(_ model: LlamaModel, configuration: CacheConfiguration) {
        kvType = configuration.kvType
        retention = model.dms.map { (rule: $0.rule, assembly: $0.assembly) }
        cache = CompactAttention(model, configuration: configuration, retention: retention)
    }

    /// The path of a model by its own rule.
    public convenience init(_ model: LlamaModel, kvType: ScalarType = .float32) {
        self.init(model, configuration: CacheConfiguration(kvType: kvType))
    }

    public var attention: any AttentionOperator { cache }

    public func reset() { cache.removeAll() }

    /// What the cache holds.
    public var report: CacheReport { cache.report() }

    /// Tokens that one KV head stores of the sequence.
    public func liveTokens(layer: Int, head: Int) -> Int {
        cache.liveTokens(layer: layer, head: head, sequence: 0)
    }

    /// Everything that the allocator holds counts, what prefill stages included.
    public var storage: CacheStorage? {
        let report = cache.report()
        guard let usage = report.sequences.values.first else { return nil }
        return CacheStorage(
            liveTokenHeads: usage.liveTokenHeads, storedOverSteps: usage.tally.storedOverSteps,
            denseBytes: report.denseBytes, allocatedBytes: report.allocatedBytes)
    }
}
