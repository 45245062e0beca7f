import DMSCache
import DMSCheckpoint
import DMSModel
import DMSTensor

/// Carries planned passes out: one pass over the weights for the tokens of all spans, one over the language-model head
/// for all rows that sample.
final class BatchRunner {
    let cache: CompactAttention
    let model: LlamaModel
    /// What is between the model and the cache.
    let recorder: DecisionRecorder
    private let eviction: EvictionControl
    private let workspace: ForwardWorkspace
    /// A row for every span that may sample, and between passes nobody's.
    let sampledLogits: Tensor
    private var batch = ForwardBatch()
    /// Rows of the pass that sample.
    private var sampling: [Int] = []

    /// - Parameter samplingRows: The most rows of a pass that sample.
    /// - Throws: `MemoryError` when the system has no room for activations and logits.
    init(
        _ model: LlamaModel, cache: CompactAttention, eviction: EvictionControl, maximumRows: Int, samplingRows: Int
    ) throws(MemoryError) {
        self.model = model
        self.cache = cache
        recorder = DecisionRecorder(cache)
        self.eviction = eviction
        workspace = try ForwardWorkspace(model.configuration, maximumRows: maximumRows)
        sampledLogits = try Tensor(rows: samplingRows, columns: model.configuration.vocabularySize)
    }

    /// Bytes that a runner takes beside the cache, known before there is one.
    static func byteCount(_ model: LlamaModel, maximumRows: Int, samplingRows: Int) -> Int {
        func mapped(_ bytes: Int) -> Int { (bytes + 4095) / 4096 * 4096 }
        return mapped(ForwardWorkspace.byteCount(model.configuration, maximumRows: maximumRows))
            + mapped(samplingRows * model.configuration.vocabularySize * MemoryLayout<Float>.size)
    }

    /// Runs a pass; ``logits(_:)`` then has a row for every span that samples, in the order of spans, and behind it one
    /// for each of the span's guesses, which are to be settled.
    ///
    /// - Parameters:
    ///   - tokens: A request's tokens at some positions, guesses among them.
    ///   - inspect: Is handed the hidden states of all rows, before any logits are there.
    /// - Throws: What the model and the cache throw; the sequences of the spans must be removed then.
    func run(
        _ spans: [PlannedSpan], tokens: (PlannedSpan) -> ArraySlice<Int32>, inspect: (MatrixView) -> Void = { _ in }
    ) throws {
        try model.inTurn { try pass(spans, tokens: tokens, inspect: inspect) }
    }

    private func pass(
        _ spans: [PlannedSpan], tokens: (PlannedSpan) -> ArraySlice<Int32>, inspect: (MatrixView) -> Void
    ) throws {
        batch.removeAll()
        sampling.removeAll(keepingCapacity: true)
        for span in spans {
            batch.append(
                sequence: span.id.rawValue, tokens: tokens(span), firstPosition: span.positions.lowerBound,
                rowByRow: span.rowByRow, draftRows: span.drafted)
            if span.samples { sampling.append(contentsOf: batch.rowCount - 1 - span.drafted..<batch.rowCount) }
        }
        let hidden = try model.forward(batch, attention: recorder, eviction: eviction, workspace: workspace)
        inspect(hidden)
        if sampling.isEmpty { return }
        // Rows move up, so none is overwritten before it was moved.
        for (target, row) in sampling.enumerated() where target != row {
            (hidden.pointer + target * hidden.stride).update(
                from: hidden.pointer + row * hidden.stride, count: hidden.columns)
        }
        model.logits(hidden.first(sampling.count), into: sampledLogits.view(rows: sampling.count))
    }

    /// Keeps the first guesses of a span of the last pass, and takes the others back.
    func settle(_ span: PlannedSpan, accepting count: Int) { cache.settle(span.id.rawValue, accepting: count) }

    /// The logits of some of the rows that sampled in the last pass; valid until the next.
    func logits(_ rows: Range<Int>) -> MatrixView { sampledLogits.view.rows(rows) }
}
