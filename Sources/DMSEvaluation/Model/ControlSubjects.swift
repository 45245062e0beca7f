import DMSModel
import DMSPolicy
import DMSTensor

/// A gate whose decisions come from a function.
private struct ForcedGate: EvictionSource {
    let decide: @Sendable (_ layer: Int, _ head: Int, _ position: Int) -> Bool

    func evicts(layer: Int, head: Int, position: Int) -> Bool { decide(layer, head, position) }
}

extension Subject {
    /// A model with a sliding window in place of its gate, on the strict path.
    static func slidingWindow(
        _ gate: SinkWindowGate, name: String, _ runner: ModelRunner, kvType: ScalarType
    ) throws(PolicyError) -> Subject {
        try forced(
            ForcedGate { _, _, position in gate.evicts(position: position) }, rule: gate.rule, name: name, runner,
            kvType: kvType)
    }

    /// A model with a random gate in place of its own, on the strict path.
    static func randomGate(
        _ gate: RandomGate, rule: RetentionRule, name: String, _ runner: ModelRunner, kvType: ScalarType
    ) throws(PolicyError) -> Subject {
        try forced(
            ForcedGate { layer, head, position in gate.evicts(layer: layer, head: head, position: position) },
            rule: rule, name: name, runner, kvType: kvType)
    }

    /// Each token decides for itself, whatever the checkpoint's shift.
    private static func forced(
        _ gate: ForcedGate, rule: RetentionRule, name: String, _ runner: ModelRunner, kvType: ScalarType
    ) throws(PolicyError) -> Subject {
        Subject(
            name: name, runner: runner,
            path: StrictPath(
                runner.model, kvType: kvType, retention: (rule: rule, assembly: try DecisionAssembly(shift: 0))),
            eviction: .forced(gate))
    }
}
