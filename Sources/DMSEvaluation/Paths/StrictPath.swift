public import DMSModel
public import DMSPolicy
public import DMSTensor

/// The definition: every key stays in memory, and what the rule hides is masked.
public final class StrictPath: AttentionPath {
    public let name = "strict"
    public let kvType: ScalarType
    public let retention: (rule: RetentionRule, assembly: DecisionAssembly)?
    private let dense: DenseAttention

    /// - Parameter retention: The rule and who decides, or `nil` for plain dense attention.
    public init(
        _ model: LlamaModel, kvType: ScalarType = .float32,
        retention: (rule: RetentionRule, assembly: DecisionAssembly)?
    ) {
        self.kvType = kvType
        self.retention = retention
        dense = DenseAttention(model, kvType: kvType, retention: retention)
    }

    /// The rule of the model's own checkpoint; plain dense attention where it has no gate.
    public convenience init(_ model: LlamaModel, kvType: ScalarType = .float32) {
        self.init(model, kvType: kvType, retention: model.dms.map { (rule: $0.rule, assembly: $0.assembly) })
    }

    public var attention: any AttentionOperator { dense }

    public func reset() { dense.removeAll() }

    /// Nothing is saved: evicted tokens stay in memory.
    public var storage: CacheStorage? { nil }
}
