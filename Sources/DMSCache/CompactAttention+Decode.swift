import DMSModel
import DMSTensor

extension CompactAttention {
    /// Stores one token in all heads of a layer, and lists the sequence's pages for attention: all that they hold is
    /// visible to the token, so no slot is masked.
    ///
    /// - Parameter logRow: Where to note what a token overwrites that may be taken back.
    func decode(
        layer: Int, _ span: ForwardBatch.Span, _ sequence: CachedSequence, _ input: AttentionInput,
        _ decisions: EvictionDecisions?, logRow: Int?
    ) throws {
        let row = span.rows.lowerBound
        let step = schedule.step(at: span.firstPosition)
        let keys = input.keys.rows(span.rows)
        let values = input.values.rows(span.rows)
        var stored = 0
        for head in 0..<shape.keyValueHeads {
            let stream = stream(layer, head)
            let evicts = decisions?.evicts(row: row, head: head) ?? false
            if let logRow, let rollbackLog {
                sequence.lease.record(stream, step, in: rollbackLog, row: logRow, pool)
            }
            let slot = try sequence.lease.advance(stream, step, evicts: evicts, &pool)
            let columns = columns(of: head)
            kernels.storeKV(
                keys.columns(columns), type: layout.type, into: slot.key(layout), scales: slot.keyScale(layout))
            kernels.storeKV(
                values.columns(columns), type: layout.type, into: slot.value(layout), scales: slot.valueScale(layout))
            stored += Int(sequence.lease.streams[stream].used)
        }
        storedAfterRow[row] += stored
        lists.addSequence(rows: span.rows, firstPosition: span.firstPosition) { head, runs in
            appendPages(stream(layer, head), sequence, to: &runs)
        }
    }

    /// All slots of a stream, as one run per page.
    func appendPages(_ stream: Int, _ sequence: CachedSequence, to runs: inout [KVRun]) {
        var left = Int(sequence.lease.streams[stream].used)
        for page in sequence.lease.pageNames(stream) {
            let slot = KVSlot(page: pool.address(page), index: 0)
            runs.append(slot.run(count: min(left, layout.slotsPerPage), layout))
            left -= layout.slotsPerPage
        }
    }
}
