import DMSPolicy
public import DMSTensor

/// Gates with weights of their own: an RMSNorm and a linear layer on the residual stream as it enters a layer.
///
///     raw = projection · rmsnorm(x)        x before the layer's own attention norm, one row per KV head
///
/// The base model takes no part in it and need not be trained (arXiv 2506.05345, section 3.2).
public struct GateAdapter: Sendable {
    /// `[hidden]`; the epsilon is that of the model's norms.
    public let norm: NormWeight
    /// `[keyValueHeads, hidden]`.
    public let projection: LinearWeight

    /// The adapter of one layer; who runs it checks its shapes.
    public init(norm: NormWeight, projection: LinearWeight) {
        self.norm = norm
        self.projection = projection
    }

    /// The raw gate values of some rows, `[rows, keyValueHeads]`.
    ///
    /// - Parameters:
    ///   - residual: The stream before the attention norm, `[rows, hidden]`.
    ///   - scratch: Overwritten; of the same shape.
    func read(
        _ residual: MatrixView, scratch: MatrixView, epsilon: Float, precision: Precision,
        kernels: any InferenceKernels, into raw: MatrixView
    ) {
        kernels.rmsNorm(residual, weight: norm.pointer, epsilon: epsilon, into: scratch)
        kernels.linear(scratch, precision: precision, LinearTask(projection, into: raw))
    }

    /// Requires that all layers have adapters, or none, as decisions come from them or not.
    ///
    /// - Throws: ``ModelError`` naming the first layer where it is otherwise.
    static func require(_ source: DecisionSource, in weights: LlamaWeights) throws(ModelError) {
        for (index, layer) in weights.layers.enumerated() where (layer.gateAdapter != nil) != (source == .adapter) {
            throw ModelError(
                "layer \(index): found \(layer.gateAdapter == nil ? "no gate adapter" : "a gate adapter"), required "
                    + "\(layer.gateAdapter == nil ? "one" : "none"), as decision_source is \"\(source)\"")
        }
    }
}
