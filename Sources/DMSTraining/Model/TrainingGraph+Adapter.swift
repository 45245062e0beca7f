import DMSCheckpoint
import DMSTensor

/// How gates are read, and the backward pass of those that are adapters.
extension TrainingGraph {
    /// Writes the raw gate values of a layer, `[rows, keyValueHeads]`.
    func readGates(
        _ index: Int, _ gates: GateParameters, _ tape: LayerActivations, _ workspace: TrainingWorkspace
    ) {
        guard let norm = gates.norm(index) else {
            return multiply(tape.attentionNormed.view, gates.layer(index), into: workspace.raw.view)
        }
        multiply(adapterInput(index, norm, workspace), gates.layer(index), into: workspace.raw.view)
    }

    /// Adds what flows through a layer's adapter, from the gradients by its raw values in `workspace.raw`, to the
    /// gradient by the residual stream and to those of the adapter.
    ///
    /// The last part of a layer's backward pass: it takes the memory of the gradient by the normed input.
    func backwardAdapter(_ index: Int, into gradients: GateParameters?, _ workspace: TrainingWorkspace) {
        guard let gates, let norm = gates.norm(index) else { return }
        if let gradients {
            kernels.linearWeightGradient(
                workspace.raw.view, input: adapterInput(index, norm, workspace), precision: precision,
                addingTo: gradients.layer(index))
        }
        let normedGradient = workspace.normedGradient.view
        kernels.linearInputGradient(
            workspace.raw.view, weight: gates.layer(index), precision: precision, into: normedGradient,
            accumulates: false)
        kernels.rmsNormBackward(
            workspace.residual(index), weight: norm.pointer, epsilon: configuration.normEpsilon,
            outputGradient: normedGradient, into: workspace.residualGradient.view, accumulates: true,
            weightGradient: gradients?.norm(index)?.pointer)
    }

    /// The layer's input under the adapter's norm: computed twice, which is cheaper than kept.
    ///
    /// It lies where the last norm's output is, which is written after all layers, and read before any layer's backward
    /// pass.
    private func adapterInput(_ index: Int, _ norm: MatrixView, _ workspace: TrainingWorkspace) -> MatrixView {
        let normed = workspace.normed.view
        kernels.rmsNorm(
            workspace.residual(index), weight: norm.pointer, epsilon: configuration.normEpsilon, into: normed)
        return normed
    }
}
