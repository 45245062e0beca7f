import DMSTensor

/// What the logits of a block of positions say, for all subjects and all pairs of them.
///
/// Positions are worked on at the same time. Each is computed alone and by one thread, so that no result depends on how
/// many there are; whoever sums them up does it in order.
struct BlockScores {
    private let rows: [LogitRow]
    private let divergences: [Double]
    private let subjectCount: Int
    private let pairCount: Int

    /// - Parameter logits: One matrix per subject, `[positions, vocabulary]`; read later as well.
    init(_ logits: [MatrixView], pairs: [CorpusEvaluation.Pair], kernels: any InferenceKernels) {
        let positions = logits.first?.rows ?? 0
        let subjectCount = logits.count
        let pairCount = pairs.count
        self.subjectCount = subjectCount
        self.pairCount = pairCount
        var divergences: [Double] = []
        rows = [LogitRow](unsafeUninitializedCapacity: positions * subjectCount) { rows, rowCount in
            divergences = [Double](unsafeUninitializedCapacity: positions * pairCount) { values, valueCount in
                // Safe: each call reads the rows of its own position and writes to that position's entries only.
                nonisolated(unsafe) let logits = logits
                nonisolated(unsafe) let rows = rows
                nonisolated(unsafe) let values = values
                kernels.forEach(positions) { position in
                    let first = position * subjectCount
                    for (index, matrix) in logits.enumerated() {
                        rows.initializeElement(at: first + index, to: LogitRow(matrix.row(position)))
                    }
                    for (index, pair) in pairs.enumerated() {
                        let kl = rows[first + pair.reference].divergence(to: rows[first + pair.subject])
                        values.initializeElement(at: position * pairCount + index, to: kl)
                    }
                }
                valueCount = positions * pairCount
            }
            rowCount = positions * subjectCount
        }
        self.divergences = divergences
    }

    /// One subject's row at one position of the block.
    func row(_ subject: Int, at position: Int) -> LogitRow { rows[position * subjectCount + subject] }

    /// KL(reference ‖ subject) of one pair at one position of the block, in nats.
    func divergence(_ pair: Int, at position: Int) -> Double { divergences[position * pairCount + pair] }
}
