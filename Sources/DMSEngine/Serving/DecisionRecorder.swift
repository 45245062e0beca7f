import DMSCache
import DMSModel
import DMSTensor

/// Passes everything on to a cache, and notes what the tokens of some sequences decide.
///
/// It costs a comparison per layer where nobody asked.
final class DecisionRecorder: AttentionOperator {
    private let cache: CompactAttention
    private let streamBytes: Int
    private var observed: Set<Int> = []
    private var spans: [ForwardBatch.Span] = []
    /// What each of ``spans`` decided.
    private var bits: [[UInt8]] = []

    init(_ cache: CompactAttention) {
        self.cache = cache
        streamBytes = (cache.layerCount * cache.shape.keyValueHeads + 7) / 8
    }

    /// Notes what these sequences decide in the next pass, and forgets the last.
    func observe(_ sequences: Set<Int>) {
        observed = sequences
        spans.removeAll()
        bits.removeAll()
    }

    /// What a sequence decided in the last pass, a row after another, in the form of ``CacheProgress/evictions``.
    func decisions(of sequence: Int) -> [UInt8] {
        spans.firstIndex { $0.sequence == sequence }.map { bits[$0] } ?? []
    }

    func begin(_ batch: ForwardBatch) throws {
        try cache.begin(batch)
        if observed.isEmpty { return }
        spans = batch.spans.filter { observed.contains($0.sequence) }
        bits = spans.map { [UInt8](repeating: 0, count: $0.rows.count * streamBytes) }
    }

    func attend(layer: Int, _ input: AttentionInput, into output: MatrixView) throws {
        if let decisions = input.decisions {
            for (index, span) in spans.enumerated() { record(decisions, layer: layer, span, &bits[index]) }
        }
        try cache.attend(layer: layer, input, into: output)
    }

    private func record(
        _ decisions: EvictionDecisions, layer: Int, _ span: ForwardBatch.Span, _ bits: inout [UInt8]
    ) {
        for (index, row) in span.rows.enumerated() {
            for head in 0..<decisions.heads where decisions.evicts(row: row, head: head) {
                let stream = layer * decisions.heads + head
                bits[index * streamBytes + stream >> 3] |= 1 << UInt8(stream & 7)
            }
        }
    }

    func finish(_ batch: ForwardBatch) { cache.finish(batch) }
}
