public import DMSCheckpoint
import DMSPolicy
public import DMSTensor

/// The graph of Llama and its kin with its backward pass, over FP32 weights.
///
/// It computes the function of `LlamaModel` with the soft gate in place of the hard one. Gradients are added to what
/// the gradient arenas hold, so that micro-steps accumulate.
public final class TrainingGraph {
    /// The model's shape.
    public let configuration: LlamaConfiguration
    /// The weights that are run.
    public let weights: LlamaParameters
    /// `nil` for a plain model.
    public let gates: GateParameters?
    let kernels: any TrainingKernels
    let precision: Precision
    let shape: AttentionShape
    private let inverseFrequencies: [Float]

    /// The graph over weights and gates, which may move between passes.
    public init(
        weights: LlamaParameters, gates: GateParameters?, kernels: any TrainingKernels, precision: Precision
    ) {
        configuration = weights.configuration
        self.weights = weights
        self.gates = gates
        self.kernels = kernels
        self.precision = precision
        shape = AttentionShape(
            queryHeads: configuration.headCount, keyValueHeads: configuration.keyValueHeadCount,
            headDimension: configuration.headDimension)
        inverseFrequencies = configuration.rope.inverseFrequencies(headDimension: configuration.headDimension)
    }

    /// Runs all layers over a batch, every sequence from position 0.
    ///
    /// - Returns: The normalised hidden state of every row, `[rows, hidden]`, valid until the workspace is used again,
    ///   and what the gates decided.
    public func forward(
        _ batch: TokenBatch, _ treatment: ChannelTreatment, workspace: TrainingWorkspace
    ) -> (hidden: MatrixView, statistics: GateStatistics) {
        precondition(
            batch.sequences == workspace.sequences && batch.length == workspace.length, "a batch of another shape")
        fillRopeTables(batch, workspace)
        let table = weights.embedding
        kernels.embedding(
            batch.tokens,
            table: LinearWeight(
                outputs: table.rows, inputs: table.columns, type: .float32,
                pointer: UnsafeRawPointer(table.pointer), owner: weights.arena),
            into: workspace.residual(0))
        var statistics = GateStatistics(layers: configuration.layerCount, heads: configuration.keyValueHeadCount)
        if case .gated = treatment { statistics.decisionsPerHead = batch.rows }
        for layer in 0..<configuration.layerCount {
            forwardLayer(layer, treatment, workspace, &statistics)
            finishLayer(layer, workspace)
        }
        kernels.rmsNorm(
            workspace.residual(configuration.layerCount), weight: weights.finalNorm.pointer,
            epsilon: configuration.normEpsilon, into: workspace.normed.view)
        return (workspace.normed.view, statistics)
    }

    private func fillRopeTables(_ batch: TokenBatch, _ workspace: TrainingWorkspace) {
        let positions = (0..<batch.rows).map { Int32($0 % batch.length) }
        kernels.ropeTable(
            positions: positions, inverseFrequencies: inverseFrequencies, cosine: workspace.cosine.view,
            sine: workspace.sine.view)
        // The transpose of a rotation is the rotation by the negative angle.
        for index in 0..<batch.rows * inverseFrequencies.count {
            workspace.negativeSine.pointer[index] = -workspace.sine.pointer[index]
        }
    }

    /// Everything of a layer up to the activations that its backward pass needs.
    func forwardLayer(
        _ index: Int, _ treatment: ChannelTreatment, _ workspace: TrainingWorkspace, _ statistics: inout GateStatistics
    ) {
        let layer = weights.layer(index)
        let tape = workspace.activations(index)
        let input = workspace.residual(index)
        let epsilon = configuration.normEpsilon
        kernels.rmsNorm(
            input, weight: layer.attentionNorm.pointer, epsilon: epsilon, into: tape.attentionNormed.view)
        multiply(tape.attentionNormed.view, layer.query, into: tape.projectedQueries)
        multiply(tape.attentionNormed.view, layer.key, into: tape.projectedKeys)
        multiply(tape.attentionNormed.view, layer.value, into: tape.values.view)
        treatProjection(index, treatment, tape, workspace)
        normalizeHeads(index, tape)
        treatBeforeRope(index, treatment, tape, workspace, &statistics)
        kernels.rope(
            tape.queries.view, heads: shape.queryHeads, cosine: workspace.cosine.view, sine: workspace.sine.view)
        kernels.rope(
            tape.keys.view, heads: shape.keyValueHeads, cosine: workspace.cosine.view, sine: workspace.sine.view)
        if case .gated(let gate) = treatment, gate.zeroing.zeroesAfterRope { scaleBorrowed(tape.queries.view, by: 0) }
        withKeyBias(treatment, tape, workspace) { bias in
            kernels.softAttention(attention(tape, workspace, bias: bias))
        }
        copy(input, to: tape.middle.view)
        multiply(tape.heads.view, layer.output, into: tape.middle.view, accumulates: true)
        kernels.rmsNorm(
            tape.middle.view, weight: layer.feedForwardNorm.pointer, epsilon: epsilon,
            into: tape.feedForwardNormed.view)
        multiply(tape.feedForwardNormed.view, layer.gate, into: tape.gate.view)
        multiply(tape.feedForwardNormed.view, layer.up, into: tape.up.view)
    }

    /// The rest of a layer, which its backward pass does not need again.
    private func finishLayer(_ index: Int, _ workspace: TrainingWorkspace) {
        let tape = workspace.activations(index)
        let output = workspace.residual(index + 1)
        kernels.swiglu(gate: tape.gate.view, up: tape.up.view, into: workspace.inner.view)
        copy(tape.middle.view, to: output)
        multiply(workspace.inner.view, weights.layer(index).down, into: output, accumulates: true)
    }

    func attention(_ tape: LayerActivations, _ workspace: TrainingWorkspace, bias: KeyBias?) -> SoftAttention {
        SoftAttention(
            queries: tape.queries.view, keys: tape.keys.view, values: tape.values.view,
            sequences: workspace.sequences, length: workspace.length, shape: shape, bias: bias,
            output: tape.heads.view, logSumExp: tape.logSumExp.pointer)
    }

    func multiply(_ input: MatrixView, _ weight: MatrixView, into output: MatrixView, accumulates: Bool = false) {
        kernels.linearForward(input, weight: weight, precision: precision, into: output, accumulates: accumulates)
    }

    func copy(_ source: MatrixView, to destination: MatrixView) {
        precondition(source.stride == source.columns && destination.stride == source.columns, "a copy with gaps")
        destination.pointer.update(from: source.pointer, count: source.rows * source.columns)
    }
}
