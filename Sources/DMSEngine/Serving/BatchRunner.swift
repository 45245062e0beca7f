import DMSCache
import DMSCheckpoint
import DMSModel
import DMSTensor

/// Carries planned passes out: one pass over the weights for the tokens of all spans, one over the language-model head
/// for all rows that sample.
final class BatchRunner {
    let cache: CompactAttention
    /// What is between the model and the cache.
    let recorder: DecisionRecorder
    private let model: LlamaModel
    private let eviction: EvictionControl
    private let workspace: ForwardWorkspace
    private let sampledLogits: Tensor
    private var batch = ForwardBatch()

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

    /// Runs a pass; ``logits(_:)`` then has a row for every span that samples, in the order of spans.
    ///
    /// - Parameter tokens: A request's tokens at some positions.
    /// - Throws: What the model and the cache throw; the sequences of the spans must be removed then.
    func run(_ spans: [PlannedSpan], tokens: (PlannedSpan) -> ArraySlice<Int32>) throws {
        batch.removeAll()
        var sampling: [Int] = []
        for span in spans {
            batch.append(
                sequence: span.id.rawValue, tokens: tokens(span), firstPosition: span.positions.lowerBound,
                rowByRow: span.rowByRow)
            if span.samples { sampling.append(batch.rowCount - 1) }
        }
        let hidden = try model.forward(batch, attention: recorder, eviction: eviction, workspace: workspace)
        if sampling.isEmpty { return }
        // Rows move up, so none is overwritten before it was moved.
        for (target, row) in sampling.enumerated() where target != row {
            (hidden.pointer + target * hidden.stride).update(
                from: hidden.pointer + row * hidden.stride, count: hidden.columns)
        }
        model.logits(hidden.first(sampling.count), into: sampledLogits.view(rows: sampling.count))
    }

    /// The logits of the n-th span that sampled in the last pass; valid until the next.
    func logits(_ index: Int) -> UnsafeBufferPointer<Float> { UnsafeBufferPointer(sampledLogits.view.row(index)) }
}
