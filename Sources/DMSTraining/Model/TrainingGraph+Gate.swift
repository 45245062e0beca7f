import DMSPolicy
import DMSTensor

/// The borrowed channel in a forward and a backward pass.
extension TrainingGraph {
    /// What is done to the projection, before a norm over heads where there is one: so that a channel that has faded, or a
    /// gate of 0, is what a row of zeros in the checkpoint computes.
    func treatProjection(
        _ index: Int, _ treatment: ChannelTreatment, _ tape: LayerActivations, _ workspace: TrainingWorkspace
    ) {
        switch treatment {
        case .untouched: return
        case .fading(let factor): scaleBorrowed(tape.projectedQueries, by: factor)
        case .gated:
            guard let gates else { preconditionFailure("a gated pass without gates") }
            readGates(index, gates, tape, workspace)
            // A borrowed row of the query projection takes no part: the gate stands in its place.
            forEachBorrowed(in: tape.projectedQueries) { row, head, value in value = workspace.raw.view[row, head] }
        }
    }

    /// Reads the gate where serving does, and silences the channel.
    func treatBeforeRope(
        _ index: Int, _ treatment: ChannelTreatment, _ tape: LayerActivations, _ workspace: TrainingWorkspace,
        _ statistics: inout GateStatistics
    ) {
        guard case .gated(let gate) = treatment else { return }
        forEachBorrowed(in: tape.queries.view) { row, head, value in
            workspace.raw.view[row, head] = value
            if gate.zeroing.zeroesBeforeRope { value = 0 }
        }
        decide(index, gate, tape, workspace, &statistics)
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

    /// Turns the gradients by the biases and by the mean alpha into gradients by what the gate read, `[rows, heads]` of
    /// `workspace.raw`, and puts those of borrowed channels where they were read, among the gradients by the queries.
    ///
    /// - Parameter alphaGradient: The gradient of the loss by one alpha of each KV head of this layer.
    func rawGradients(
        _ gate: GateTreatment, alphaGradient: [Float], _ tape: LayerActivations, _ workspace: TrainingWorkspace
    ) {
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
        forEachBorrowed(in: workspace.queriesGradient.view) { row, head, value in
            let raw = workspace.raw.view[row, head]
            value = gate.zeroing.zeroesBeforeRope ? raw : raw + value
        }
    }

    /// Takes the share of borrowed gates out of the gradient by the projection, into `workspace.raw`.
    func takeGateGradients(_ workspace: TrainingWorkspace) {
        forEachBorrowed(in: workspace.queriesGradient.view) { row, head, value in
            workspace.raw.view[row, head] = value
            value = 0
        }
    }

    func scaleBorrowed(_ queries: MatrixView, by factor: Float) {
        forEachBorrowed(in: queries) { _, _, value in value *= factor }
    }

    /// Lends the borrowed channel of every row and KV head.
    private func forEachBorrowed(
        in queries: MatrixView, _ body: (_ row: Int, _ head: Int, _ value: inout Float) -> Void
    ) {
        guard let gates else { preconditionFailure("a borrowed channel without gates") }
        for row in 0..<queries.rows {
            let query = queries.row(row)
            for (head, column) in gates.columns.enumerated() { body(row, head, &query[column]) }
        }
    }
}
