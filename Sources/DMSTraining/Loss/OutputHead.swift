public import DMSTensor

/// What the student is trained to predict.
public enum TrainingTargets {
    /// The next token of each sequence.
    case nextToken
    /// A frozen model's distribution: its hidden states, `[rows, hidden]`, and its head.
    case teacher(hidden: MatrixView, head: LinearWeight, precision: Precision)
}

/// The language-model head, the loss behind it and both gradients, a tile of rows at a time.
///
/// Logits of all tokens never exist: with a vocabulary of 128,256, 4,096 of them would be 2 GB.
public final class OutputHead {
    /// The most elements of a tile of logits.
    public static let tileElements = 4 << 20

    private let kernels: any TrainingKernels
    private let precision: Precision
    private let tileRows: Int
    private let logits: Tensor
    /// Without rows where there is no teacher.
    private let teacherLogits: Tensor
    private var losses: [Float]

    /// - Throws: `MemoryError` when the system has no such memory to give.
    public init(
        vocabulary: Int, rows: Int, distils: Bool, kernels: any TrainingKernels, precision: Precision
    ) throws(MemoryError) {
        self.kernels = kernels
        self.precision = precision
        tileRows = min(rows, max(16, Self.tileElements / vocabulary))
        logits = try Tensor(rows: tileRows, columns: vocabulary)
        teacherLogits = try Tensor(rows: distils ? tileRows : 0, columns: vocabulary)
        losses = Array(repeating: 0, count: tileRows)
    }

    /// The loss of all positions but the last of each sequence, which has no successor here.
    ///
    /// - Parameters:
    ///   - hidden: The student's hidden states; they become the gradient by themselves.
    ///   - scale: What the gradient of one position is multiplied by.
    ///   - headGradient: Added to; `nil` where the head is frozen.
    /// - Returns: The sum of the positions' losses in nats, in FP64, and their number.
    public func run(
        _ hidden: MatrixView, batch: TokenBatch, head: MatrixView, targets: TrainingTargets, scale: Float,
        headGradient: MatrixView?
    ) -> (lossSum: Double, positions: Int) {
        var sum = 0.0
        var start = 0
        while start < batch.rows {
            let range = start..<min(batch.rows, start + tileRows)
            let tile = hidden.rows(range)
            let logits = logits.view(rows: range.count)
            kernels.linearForward(tile, weight: head, precision: precision, into: logits, accumulates: false)
            apply(targets, range, batch, logits, scale)
            sum += losses[..<range.count].reduce(0) { $0 + Double($1) }
            if let headGradient {
                kernels.linearWeightGradient(logits, input: tile, precision: precision, addingTo: headGradient)
            }
            kernels.linearInputGradient(logits, weight: head, precision: precision, into: tile, accumulates: false)
            start = range.upperBound
        }
        return (sum, batch.sequences * (batch.length - 1))
    }

    private func apply(
        _ targets: TrainingTargets, _ range: Range<Int>, _ batch: TokenBatch, _ logits: MatrixView, _ scale: Float
    ) {
        switch targets {
        case .nextToken:
            let next = range.map { isLast($0, batch) ? -1 : batch.tokens[$0 + 1] }
            losses.withUnsafeMutableBufferPointer { losses in
                guard let losses = losses.baseAddress else { return }
                kernels.crossEntropy(logits, targets: next, gradientScale: scale, into: losses)
            }
        case .teacher(let teacherHidden, let head, let teacherPrecision):
            let teacher = teacherLogits.view(rows: range.count)
            kernels.linear(
                teacherHidden.rows(range), precision: teacherPrecision, LinearTask(head, into: teacher))
            let weights = range.map { isLast($0, batch) ? Float(0) : 1 }
            losses.withUnsafeMutableBufferPointer { losses in
                guard let losses = losses.baseAddress else { return }
                kernels.divergence(
                    teacher: teacher, logits: logits, weights: weights, gradientScale: scale, into: losses)
            }
        }
    }

    private func isLast(_ row: Int, _ batch: TokenBatch) -> Bool { row % batch.length == batch.length - 1 }
}
