import DMSPolicy
import DMSTensor

/// The borrowed channel in a forward and a backward pass.
extension TrainingGraph {
    func treatBeforeRope(
        _ index: Int, _ treatment: ChannelTreatment, _ tape: LayerActivations, _ workspace: TrainingWorkspace,
        _ statistics: inout GateStatistics
    ) {
        switch treatment {
        case .untouched: return
        case .fading(let factor): scaleBorrowed(tape.queries.view, by: factor)
        case .gated(let gate):
            guard let gates else { preconditionFailure("a gated pass without gates") }
            readGates(index, gates, tape, workspace)
            decide(index, gate, tape, workspace, &statistics)
            // A borrowed row of the query projection takes no part: the gate stands in its place.
            for row in 0..<tape.queries.rows {
                let query = tape.queries.view.row(row)
                for (head, column) in gates.columns.enumerated() {
                    query[column] = gate.zeroing.zeroesBeforeRope ? 0 : workspace.raw.view[row, head]
                }
            }
        }
    }

    private func decide(
        _ index: Int, _ gate: GateTreatment, _ tape: LayerActivations, _ workspace: TrainingWorkspace,
        _ statistics: inout GateStatistics
    ) {
        let noise = gate.noise?.layer(index)
        let heads = shape.keyValueHeads
        let length = workspace.length
        for sequence in 0..<workspace.sequences {
            for head in 0..<heads {
                let stream = sequence * heads + head
                var alphaSum = 0.0
                var evictions = 0
                for key in gate.assembly.undecided(of: length) { tape.bias.pointer[stream * length + key] = 0 }
                for token in 0..<length {
                    let raw = workspace.raw.pointer[(sequence * length + token) * heads + head]
                    let soft = gate.soft.decide(
                        raw: raw, noise: noise?.value(sequence: sequence, head: head, position: token) ?? 0)
                    tape.scores.pointer[stream * length + token] = soft.score
                    alphaSum += Double(soft.alpha)
                    if gate.soft.decision.evicts(raw: raw) { evictions += 1 }
                    if let key = gate.assembly.key(decidedBy: token) {
                        tape.bias.pointer[stream * length + key] = soft.bias
                    }
                }
                statistics.alphaSums[index * heads + head] += alphaSum
                statistics.evictions[index * heads + head] += evictions
            }
        }
    }

    /// Lends the bias of every key and from which query on it counts, or `nil` where nothing is evicted.
    func withKeyBias(
        _ treatment: ChannelTreatment, _ tape: LayerActivations, _ workspace: TrainingWorkspace,
        _ body: (KeyBias?) -> Void
    ) {
        guard case .gated(let gate) = treatment else { return body(nil) }
        let last = (0..<workspace.length).map { gate.rule.lastQuery(seeing: $0, evicted: true) }
        last.withUnsafeBufferPointer { last in
            guard let first = last.baseAddress else { return }
            body(KeyBias(bias: UnsafePointer(tape.bias.pointer), lastUnbiased: first))
        }
    }

    /// Turns the gradients by the biases and by the mean alpha into gradients by the raw gate values, `[rows, heads]`
    /// of `workspace.raw`, and takes the gate's share out of the gradient by the queries before the rotation.
    ///
    /// - Parameter alphaGradient: The gradient of the loss by one alpha of each KV head of this layer.
    func rawGradients(
        _ gate: GateTreatment, alphaGradient: [Float], _ tape: LayerActivations, _ workspace: TrainingWorkspace
    ) {
        guard let gates else { preconditionFailure("a gated pass without gates") }
        let heads = shape.keyValueHeads
        let length = workspace.length
        for sequence in 0..<workspace.sequences {
            for head in 0..<heads {
                let stream = (sequence * heads + head) * length
                for token in 0..<length {
                    let key = gate.assembly.key(decidedBy: token)
                    workspace.raw.pointer[(sequence * length + token) * heads + head] = gate.soft.rawGradient(
                        of: SoftDecision(score: tape.scores.pointer[stream + token]),
                        bias: key.map { workspace.biasGradient.pointer[stream + $0] } ?? 0,
                        alpha: alphaGradient[head])
                }
            }
        }
        for row in 0..<workspace.queriesGradient.rows {
            let query = workspace.queriesGradient.view.row(row)
            for (head, column) in gates.columns.enumerated() {
                if !gate.zeroing.zeroesBeforeRope { workspace.raw.view[row, head] += query[column] }
                query[column] = 0
            }
        }
    }

    func scaleBorrowed(_ queries: MatrixView, by factor: Float) {
        guard let gates else { preconditionFailure("a borrowed channel without gates") }
        for row in 0..<queries.rows {
            let query = queries.row(row)
            for column in gates.columns { query[column] *= factor }
        }
    }
}
