import DMSCheckpoint
import DMSPolicy
public import DMSTensor

/// Where a backward pass adds gradients.
public struct TrainingGradients: Sendable {
    /// `nil` where the weights are frozen.
    public let weights: LlamaParameters?
    /// `nil` where there are no gates.
    public let gates: GateParameters?

    /// Where gradients are added; `nil` for what does not learn.
    public init(weights: LlamaParameters?, gates: GateParameters?) {
        self.weights = weights
        self.gates = gates
    }
}

extension TrainingGraph {
    /// The backward pass of the last ``forward(_:_:workspace:)``, which must have been of the same batch.
    ///
    /// - Parameters:
    ///   - hiddenGradient: The gradient by what `forward` returned; it may be the workspace's own memory.
    ///   - alphaGradient: The gradient of the loss by one alpha, `[layer][keyValueHead]`.
    public func backward(
        _ batch: TokenBatch, _ treatment: ChannelTreatment, hiddenGradient: MatrixView, alphaGradient: [[Float]],
        into gradients: TrainingGradients, workspace: TrainingWorkspace
    ) {
        kernels.rmsNormBackward(
            workspace.residual(configuration.layerCount), weight: weights.finalNorm.pointer,
            epsilon: configuration.normEpsilon, outputGradient: hiddenGradient,
            into: workspace.residualGradient.view, accumulates: false,
            weightGradient: gradients.weights?.finalNorm.pointer)
        for layer in (0..<configuration.layerCount).reversed() {
            if !workspace.keeps(layer) {
                var ignored = GateStatistics(layers: configuration.layerCount, heads: shape.keyValueHeads)
                forwardLayer(layer, treatment, workspace, &ignored)
            }
            backwardFeedForward(layer, into: gradients.weights?.layer(layer), workspace)
            backwardAttention(
                layer, treatment, alphaGradient: alphaGradient.isEmpty ? [] : alphaGradient[layer],
                into: gradients, workspace)
        }
        if let table = gradients.weights?.embedding {
            kernels.embeddingBackward(
                batch.tokens, outputGradient: workspace.residualGradient.view, addingTo: table)
        }
    }

    private func backwardFeedForward(
        _ index: Int, into gradients: LlamaParameters.Layer?, _ workspace: TrainingWorkspace
    ) {
        let layer = weights.layer(index)
        let tape = workspace.activations(index)
        let residual = workspace.residualGradient.view
        let inner = workspace.inner.view
        let innerGradient = workspace.innerGradient.view
        kernels.linearInputGradient(
            residual, weight: layer.down, precision: precision, into: innerGradient, accumulates: false)
        if let gradients {
            kernels.swiglu(gate: tape.gate.view, up: tape.up.view, into: inner)
            addWeightGradient(residual, inner, to: gradients.down)
        }
        // Over the activations, which nobody reads again.
        kernels.swigluBackward(
            gate: tape.gate.view, up: tape.up.view, outputGradient: innerGradient, gateGradient: tape.gate.view,
            upGradient: tape.up.view)
        if let gradients {
            addWeightGradient(tape.gate.view, tape.feedForwardNormed.view, to: gradients.gate)
            addWeightGradient(tape.up.view, tape.feedForwardNormed.view, to: gradients.up)
        }
        let normedGradient = workspace.normedGradient.view
        kernels.linearInputGradient(
            tape.gate.view, weight: layer.gate, precision: precision, into: normedGradient, accumulates: false)
        kernels.linearInputGradient(
            tape.up.view, weight: layer.up, precision: precision, into: normedGradient, accumulates: true)
        kernels.rmsNormBackward(
            tape.middle.view, weight: layer.feedForwardNorm.pointer, epsilon: configuration.normEpsilon,
            outputGradient: normedGradient, into: residual, accumulates: true,
            weightGradient: gradients?.feedForwardNorm.pointer)
    }

    func backwardAttention(
        _ index: Int, _ treatment: ChannelTreatment, alphaGradient: [Float], into gradients: TrainingGradients,
        _ workspace: TrainingWorkspace
    ) {
        let layer = weights.layer(index)
        let weightGradients = gradients.weights?.layer(index)
        let tape = workspace.activations(index)
        let residual = workspace.residualGradient.view
        kernels.linearInputGradient(
            residual, weight: layer.output, precision: precision, into: workspace.headsGradient.view,
            accumulates: false)
        if let weightGradients { addWeightGradient(residual, tape.heads.view, to: weightGradients.output) }

        withKeyBias(treatment, tape, workspace) { bias in
            kernels.softAttentionBackward(
                attention(tape, workspace, bias: bias),
                SoftAttentionGradients(
                    output: workspace.headsGradient.view, queries: workspace.queriesGradient.view,
                    keys: workspace.keysGradient.view, values: workspace.valuesGradient.view,
                    bias: bias == nil ? nil : workspace.biasGradient.pointer))
        }
        backwardRope(treatment, workspace)
        if case .gated(let gate) = treatment {
            rawGradients(gate, alphaGradient: alphaGradient, tape, workspace)
        }
        backwardHeadNorms(index, into: weightGradients, tape, workspace)
        switch treatment {
        case .untouched: break
        case .fading(let factor): scaleBorrowed(workspace.queriesGradient.view, by: factor)
        case .gated: takeGateGradients(workspace)
        }

        let input = tape.attentionNormed.view
        let normedGradient = workspace.normedGradient.view
        var accumulates = false
        for (gradient, weight) in [
            (workspace.queriesGradient.view, layer.query), (workspace.keysGradient.view, layer.key),
            (workspace.valuesGradient.view, layer.value),
        ] {
            kernels.linearInputGradient(
                gradient, weight: weight, precision: precision, into: normedGradient, accumulates: accumulates)
            accumulates = true
        }
        if let weightGradients {
            addWeightGradient(workspace.queriesGradient.view, input, to: weightGradients.query)
            addWeightGradient(workspace.keysGradient.view, input, to: weightGradients.key)
            addWeightGradient(workspace.valuesGradient.view, input, to: weightGradients.value)
        }
        if case .gated = treatment, let gates, !gates.areAdapters {
            kernels.linearInputGradient(
                workspace.raw.view, weight: gates.layer(index), precision: precision, into: normedGradient,
                accumulates: true)
            if let gateGradients = gradients.gates {
                addWeightGradient(workspace.raw.view, input, to: gateGradients.layer(index))
            }
        }
        kernels.rmsNormBackward(
            workspace.residual(index), weight: layer.attentionNorm.pointer, epsilon: configuration.normEpsilon,
            outputGradient: normedGradient, into: residual, accumulates: true,
            weightGradient: weightGradients?.attentionNorm.pointer)
        if case .gated = treatment { backwardAdapter(index, into: gradients.gates, workspace) }
    }

    /// From gradients by rotated queries and keys to gradients by what was rotated.
    private func backwardRope(_ treatment: ChannelTreatment, _ workspace: TrainingWorkspace) {
        let queries = workspace.queriesGradient.view
        if case .gated(let gate) = treatment, gate.zeroing.zeroesAfterRope { scaleBorrowed(queries, by: 0) }
        kernels.rope(
            queries, heads: shape.queryHeads, cosine: workspace.cosine.view, sine: workspace.negativeSine.view)
        kernels.rope(
            workspace.keysGradient.view, heads: shape.keyValueHeads, cosine: workspace.cosine.view,
            sine: workspace.negativeSine.view)
    }

    private func addWeightGradient(_ output: MatrixView, _ input: MatrixView, to gradient: MatrixView) {
        kernels.linearWeightGradient(output, input: input, precision: precision, addingTo: gradient)
    }
}
