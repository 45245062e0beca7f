public import DMSModel
import DMSPolicy

/// The draft rows of one sequence in the last pass, not settled yet.
struct OpenDraft {
    /// Rows of the pass.
    let rows: Range<Int>
    /// The first one's row of the log.
    let logRow: Int
}

/// A sequence is *settled* or has an open draft; a pass over draft rows opens it, ``settle(_:accepting:)`` closes it, and no
/// pass begins meanwhile. While it is open all tokens of the draft count as seen. Settled, the sequence is what decoding
/// the accepted tokens one by one would have made of it: keys, values, flags, counts and pages; only its tables may have
/// grown in other steps.
extension CompactAttention: DraftingAttention {
    /// The most rows that a step may guess.
    public var maximumDraftRows: Int { configuration.draftRows }

    /// O(tokens taken back × layers × KV heads).
    public func settle(_ sequence: Int, accepting count: Int) {
        guard let draft = openDrafts.removeValue(forKey: sequence), let log = rollbackLog,
            let drafted = sequences[sequence]
        else { preconditionFailure("sequence \(sequence) has no draft to settle") }
        precondition((0...draft.rows.count).contains(count), "\(count) of \(draft.rows.count) draft rows accepted")
        let settled = drafted.count - draft.rows.count
        for offset in (count..<draft.rows.count).reversed() {
            let step = schedule.step(at: settled + offset)
            for stream in 0..<streamCount {
                drafted.lease.retreat(stream, step, from: log, row: draft.logRow + offset, &pool)
            }
        }
        drafted.count = settled
        for offset in 0..<count {
            let (made, evicting) = log.decisions[draft.logRow + offset]
            drafted.tally.recordDecisions(evicting: evicting, of: made)
            recordStep(of: drafted, row: draft.rows.lowerBound + offset)
        }
        verifyInvariants()
    }

    /// - Throws: `ModelError` for drafts that this pass cannot have.
    func validateDrafts(_ batch: ForwardBatch) throws(ModelError) {
        if let open = openDrafts.keys.min() { throw ModelError("sequence \(open): its draft is not settled") }
        let rows = batch.spans.reduce(0) { $0 + $1.draftRows }
        guard rows <= configuration.draftRows else {
            throw ModelError("a pass of \(rows) draft rows; this cache takes \(configuration.draftRows)")
        }
    }

    /// Bytes of the log, whether or not it is there.
    static func rollbackByteCount(_ configuration: CacheConfiguration, streamCount: Int, layout: KVPageLayout) -> Int {
        RollbackLog.byteCount(
            rows: configuration.draftRows, streamCount: streamCount, layout: RollbackLog.layout(for: layout))
    }

    /// Makes the log, whose memory is promised, for the first pass.
    func prepareRollbackLog() throws {
        if rollbackLog == nil, configuration.draftRows > 0 {
            let log = try RollbackLog(
                rows: configuration.draftRows, streamCount: streamCount, layout: RollbackLog.layout(for: layout))
            pool.addPromised(log.byteCount)
            rollbackLog = log
        }
        rollbackLog?.reset()
    }
}
