import DMSCheckpoint
import DMSTensor

/// The norm over heads of families that have one, between the projections and the rotation.
extension TrainingGraph {
    func normalizeHeads(_ index: Int, _ tape: LayerActivations) {
        let layer = weights.layer(index)
        guard let queryNorm = layer.queryNorm, let keyNorm = layer.keyNorm else { return }
        for (input, weight, output) in [
            (tape.projectedQueries, queryNorm, tape.queries.view), (tape.projectedKeys, keyNorm, tape.keys.view),
        ] {
            kernels.rmsNorm(
                input.heads(ofDimension: shape.headDimension), weight: weight.pointer,
                epsilon: configuration.normEpsilon, into: output.heads(ofDimension: shape.headDimension))
        }
    }

    /// From gradients by normalised queries and keys to those by what was projected, in place.
    func backwardHeadNorms(
        _ index: Int, into gradients: LlamaParameters.Layer?, _ tape: LayerActivations, _ workspace: TrainingWorkspace
    ) {
        let layer = weights.layer(index)
        guard let queryNorm = layer.queryNorm, let keyNorm = layer.keyNorm else { return }
        for (input, weight, gradient, weightGradient) in [
            (tape.projectedQueries, queryNorm, workspace.queriesGradient.view, gradients?.queryNorm),
            (tape.projectedKeys, keyNorm, workspace.keysGradient.view, gradients?.keyNorm),
        ] {
            let heads = gradient.heads(ofDimension: shape.headDimension)
            kernels.rmsNormBackward(
                input.heads(ofDimension: shape.headDimension), weight: weight.pointer,
                epsilon: configuration.normEpsilon, outputGradient: heads, into: heads, accumulates: false,
                weightGradient: weightGradient?.pointer)
        }
    }
}
