import DMSTensor

/// RMSNorm of every head of queries and of keys, after their projections and before they are rotated.
///
/// One weight per channel, shared by all heads of a layer (Qwen3; the idea is that of arXiv 2010.04245). An eviction gate
/// that borrows a query channel is read behind it.
public struct HeadNorms: Sendable {
    /// `[d]`.
    public let query: NormWeight
    /// `[d]`.
    public let key: NormWeight

    /// The norms of a layer; who runs them checks their shapes.
    public init(query: NormWeight, key: NormWeight) {
        self.query = query
        self.key = key
    }

    func apply(queries: MatrixView, keys: MatrixView, epsilon: Float, kernels: any InferenceKernels) {
        for (rows, weight) in [(queries, query), (keys, key)] {
            let heads = rows.heads(ofDimension: weight.count)
            kernels.rmsNorm(heads, weight: weight.pointer, epsilon: epsilon, into: heads)
        }
    }
}
