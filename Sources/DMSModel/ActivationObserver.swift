public import DMSTensor

/// A named value inside the graph.
public enum ActivationPoint: Sendable, Hashable {
    /// The residual stream before the first layer, `[rows, hidden]`.
    case embedding
    /// The normalised input of attention, `[rows, hidden]`.
    case attentionNorm(layer: Int)
    /// Before the rotary position and behind a norm over heads, `[rows, queryHeads · d]`; the borrowed channel still
    /// holds the gate.
    case query(layer: Int)
    /// Keys before rotation, behind a norm over heads.
    case key(layer: Int)
    /// Values.
    case value(layer: Int)
    /// Queries after rotation.
    case rotatedQuery(layer: Int)
    /// Keys after rotation.
    case rotatedKey(layer: Int)
    /// What attention computed, before the output projection, `[rows, queryHeads · d]`.
    case attentionHeads(layer: Int)
    /// The normalised input of the feed-forward block, `[rows, hidden]`.
    case feedForwardNorm(layer: Int)
    /// The residual stream after a layer, `[rows, hidden]`.
    case residual(layer: Int)
    /// After the last norm, `[rows, hidden]`.
    case finalNorm
    /// What the gate read, `[rows, keyValueHeads]`; present where the checkpoint has a gate.
    case gateRaw(layer: Int)
}

/// Watches a forward pass; for tests, reports and pictures.
public protocol ActivationObserver: AnyObject {
    /// The values are valid during the call.
    func observe(_ point: ActivationPoint, _ values: MatrixView)

    /// The decisions of one layer, as attention is given them.
    func observe(decisions: EvictionDecisions, layer: Int, batch: ForwardBatch)
}
