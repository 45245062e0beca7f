public import DMSTensor

/// What a subject is there for.
public enum SubjectRole: Sendable, Hashable {
    /// The model that everything is compared with, run densely.
    case base
    /// The model itself. `evicts` false is the control that judges its weights alone.
    case model(path: PathKind, kvType: ScalarType, evicts: Bool)
    /// The same weights with a sliding window and sinks, at equal live tokens.
    case slidingWindow
    /// The same weights with a random gate, at equal live tokens.
    case randomGate
}

/// Which operator computes attention.
public enum PathKind: String, Sendable, Hashable, CaseIterable {
    /// The reference: a dense cache and a mask.
    case strict
    /// The serving cache.
    case compact
}
