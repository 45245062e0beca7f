import DMSCheckpoint
public import DMSModel
public import DMSPolicy
public import DMSTensor

/// The serving operator: it stores only what is alive, and computes what the strict mask defines.
///
/// Per (sequence, layer, KV head) it keeps the newest `window + 1` tokens in a ring, evicted or not, and every token
/// that left the window and was kept in pages behind it. Nothing is moved or compacted, and no evicted token outside
/// the window costs memory or time. Decode reads whole pages without any mask. Prefill goes block by block: queries of
/// a block see the pages, the ring as far as the rule shows it, and the block's own tokens, which are committed
/// afterwards.
///
/// Without retention it is a dense cache in pages. Decisions that arrive then are ignored.
public final class CompactAttention: AttentionOperator {
    /// How memory is divided.
    public let configuration: CacheConfiguration
    /// Heads and their size.
    public let shape: AttentionShape
    /// Layers.
    public let layerCount: Int
    let schedule: RetentionSchedule
    let layout: KVPageLayout
    let stagingLayout: KVPageLayout
    let kernels: any InferenceKernels
    let precision: Precision
    var pool: KVPagePool
    var staging: StagingArea?
    var sequences: [Int: CachedSequence] = [:]
    /// Where sequences begin that the next pass has and the cache has not.
    var pendingOrigins: [Int: SequenceOrigin] = [:]
    /// What the draft rows of a pass overwrite; made for the first pass of a cache that takes drafts.
    var rollbackLog: RollbackLog?
    /// Sequences whose draft is not settled.
    var openDrafts: [Int: OpenDraft] = [:]
    /// What sequences that were removed decided and stored.
    var retiredTally = CompressionTally()
    /// The pass in progress, and the sequences of its spans, in the same order.
    private var spans: [ForwardBatch.Span] = []
    private var active: [CachedSequence] = []
    /// Of each span, the row of the log that belongs to its first draft row.
    private var logRows: [Int] = []
    /// Token·heads stored after each row of the pass, summed over layers and heads.
    var storedAfterRow: [Int] = []
    var lists: AttentionBatch

    /// - Parameters:
    ///   - model: Gives the shape, the precision and the kernels.
    ///   - retention: The rule and who decides, or `nil` for a cache that keeps everything.
    public convenience init(
        _ model: LlamaModel, configuration: CacheConfiguration = CacheConfiguration(),
        retention: (rule: RetentionRule, assembly: DecisionAssembly)?
    ) {
        self.init(
            shape: model.attentionShape, layerCount: model.configuration.layerCount, precision: model.precision,
            kernels: model.kernels, configuration: configuration, retention: retention)
    }

    /// The cache that the model's own checkpoint asks for; one that keeps everything where it has no gate.
    public convenience init(serving model: LlamaModel, configuration: CacheConfiguration = CacheConfiguration()) {
        let retention = model.dms.map { (rule: $0.rule, assembly: $0.assembly) }
        self.init(model, configuration: configuration, retention: retention)
    }

    /// A cache without a model: for whoever drives ``attend(layer:_:into:)`` itself.
    public init(
        shape: AttentionShape, layerCount: Int, precision: Precision, kernels: any InferenceKernels,
        configuration: CacheConfiguration, retention: (rule: RetentionRule, assembly: DecisionAssembly)?
    ) {
        precondition(layerCount > 0, "a cache without layers")
        self.configuration = configuration
        self.shape = shape
        self.layerCount = layerCount
        self.kernels = kernels
        self.precision = precision
        schedule = RetentionSchedule(retention)
        layout = KVPageLayout(
            headDimension: shape.headDimension, type: configuration.kvType, slotsPerPage: configuration.slotsPerPage)
        stagingLayout = Self.stagingLayout(shape: shape, configuration: configuration)
        pool = KVPagePool(layout: layout, budget: configuration.budgetBytes)
        lists = AttentionBatch(keyValueHeads: shape.keyValueHeads)
    }

    deinit { removeAll() }

    /// Pages that hold the rows of a prefill block.
    static func stagingLayout(shape: AttentionShape, configuration: CacheConfiguration) -> KVPageLayout {
        var slots = 1
        while slots < configuration.rowsPerBlock { slots *= 2 }
        return KVPageLayout(headDimension: shape.headDimension, type: configuration.kvType, slotsPerPage: slots)
    }

    // MARK: Sequences

    /// Tokens that a sequence has seen, evicted ones included.
    public func tokenCount(of sequence: Int) -> Int { sequences[sequence]?.count ?? 0 }

    /// Tokens that one KV head stores of a sequence.
    public func liveTokens(layer: Int, head: Int, sequence: Int) -> Int {
        precondition((0..<layerCount).contains(layer), "layer \(layer) of \(layerCount)")
        precondition((0..<shape.keyValueHeads).contains(head), "KV head \(head) of \(shape.keyValueHeads)")
        return sequences[sequence].map { Int($0.lease.streams[stream(layer, head)].used) } ?? 0
    }

    /// Forgets a sequence and returns its pages; unknown ones are ignored.
    public func remove(_ sequence: Int) {
        guard let removed = sequences.removeValue(forKey: sequence) else { return }
        openDrafts[sequence] = nil
        retiredTally.merge(removed.tally)
        release(removed)
        verifyInvariants()
    }

    /// Forgets all sequences and gives the memory of their pages back to the system.
    public func removeAll() {
        for sequence in sequences.values {
            retiredTally.merge(sequence.tally)
            release(sequence)
        }
        sequences.removeAll()
        openDrafts.removeAll()
        pool.trim()
        verifyInvariants()
    }

    func release(_ sequence: CachedSequence) {
        sequence.lease.release(to: &pool)
        pool.ledger.subtract(sequence.lease.byteCount)
    }

    // MARK: A pass

    /// Prepares for a pass, and promises it memory for the worst case, in which every head keeps everything.
    ///
    /// Sequences that ``start(_:from:)`` named begin now.
    ///
    /// - Throws: ``CacheError`` when the worst case does not fit the budget, `ModelError` for a span that does not start
    ///   where its sequence ends or whose last pass did not finish, for drafts beyond ``CacheConfiguration/draftRows`` or
    ///   before those of the last pass are settled, `MemoryError` when the system has no memory. No sequence has changed
    ///   then.
    public func begin(_ batch: ForwardBatch) throws {
        let origins = pendingOrigins
        pendingOrigins = [:]
        try validateDrafts(batch)
        for span in batch.spans {
            let origin = origins[span.sequence]
            let stored = try origin.map { try count(of: $0, for: span.sequence) } ?? tokenCount(of: span.sequence)
            guard stored == span.firstPosition else {
                throw ModelError("sequence \(span.sequence) holds \(stored) tokens, not \(span.firstPosition)")
            }
            guard span.firstPosition + span.rows.count <= Int(Int32.max) else {
                throw ModelError("sequence \(span.sequence): positions beyond \(Int32.max)")
            }
            guard sequences[span.sequence]?.isInPass != true else {
                throw ModelError("sequence \(span.sequence): its last pass did not finish; remove it")
            }
        }
        let need = Need(of: batch.spans, in: self, starting: origins)
        try pool.reserve(pages: need.pages, otherBytes: need.otherBytes)
        do {
            try growStaging(need)
            try prepareRollbackLog()
            try makeSequences(batch.spans, from: origins)
        } catch {
            pool.endReservation()
            throw error
        }
        spans.removeAll(keepingCapacity: true)
        active.removeAll(keepingCapacity: true)
        logRows.removeAll(keepingCapacity: true)
        var draftRows = 0
        for span in batch.spans {
            spans.append(span)
            logRows.append(draftRows)
            draftRows += span.draftRows
            let sequence = prepare(span)
            sequence.isInPass = true
            active.append(sequence)
        }
        storedAfterRow.removeAll(keepingCapacity: true)
        storedAfterRow.append(contentsOf: repeatElement(0, count: batch.rowCount))
    }

    public func attend(layer: Int, _ input: AttentionInput, into output: MatrixView) throws {
        let decisions = schedule.hasRule ? input.decisions : nil
        for (index, span) in spans.enumerated() { count(decisions, span, active[index], logRow: logRows[index]) }
        try attendRowByRow(layer: layer, input, decisions, into: output)
        for (span, sequence) in zip(spans, active) where !span.rowByRow {
            try prefill(layer: layer, span, sequence, input, decisions, into: output)
        }
    }

    /// The first rows of all spans that go row by row together, then their second rows, and so on.
    private func attendRowByRow(
        layer: Int, _ input: AttentionInput, _ decisions: EvictionDecisions?, into output: MatrixView
    ) throws {
        let longest = spans.reduce(0) { $1.rowByRow ? max($0, $1.rows.count) : $0 }
        for offset in 0..<longest {
            lists.removeAll()
            for (index, span) in spans.enumerated() where span.rowByRow && offset < span.rows.count {
                let row = span.rows.lowerBound + offset
                let token = ForwardBatch.Span(
                    sequence: span.sequence, rows: row..<row + 1, firstPosition: span.firstPosition + offset)
                let drafted = offset - (span.rows.count - span.draftRows)
                try decode(
                    layer: layer, token, active[index], input, decisions,
                    logRow: drafted < 0 ? nil : logRows[index] + drafted)
            }
            try computeAttention(input.queries, into: output)
        }
    }

    public func finish(_ batch: ForwardBatch) {
        for (index, span) in spans.enumerated() {
            let sequence = active[index]
            sequence.isInPass = false
            for row in span.rows.dropLast(span.draftRows) { recordStep(of: sequence, row: row) }
            guard span.draftRows > 0 else { continue }
            sequence.count += span.draftRows
            openDrafts[span.sequence] = OpenDraft(rows: span.rows.suffix(span.draftRows), logRow: logRows[index])
        }
        pool.endReservation()
        spans.removeAll(keepingCapacity: true)
        active.removeAll(keepingCapacity: true)
        verifyInvariants()
    }

    // MARK: Parts

    var streamCount: Int { layerCount * shape.keyValueHeads }

    func stream(_ layer: Int, _ head: Int) -> Int { layer * shape.keyValueHeads + head }

    /// The part of a `[rows, keyValueHeads · d]` matrix that belongs to a head.
    func columns(of head: Int) -> Range<Int> { head * shape.headDimension..<(head + 1) * shape.headDimension }

    func computeAttention(_ queries: MatrixView, into output: MatrixView) throws(MemoryError) {
        try kernels.attention(
            queries, lists, shape: shape, kvType: configuration.kvType, precision: precision, into: output)
    }

    /// Counts a token that stays, and what is stored after it.
    func recordStep(of sequence: CachedSequence, row: Int) {
        sequence.count += 1
        sequence.tally.recordStep(seen: sequence.count * streamCount, stored: storedAfterRow[row])
    }

    private func count(
        _ decisions: EvictionDecisions?, _ span: ForwardBatch.Span, _ sequence: CachedSequence, logRow: Int
    ) {
        guard let decisions else { return }
        let heads = decisions.heads
        func evictions(_ rows: Range<Int>) -> Int {
            (rows.lowerBound * heads..<rows.upperBound * heads).count { decisions.flags[$0] != 0 }
        }
        let settled = span.rows.dropLast(span.draftRows)
        sequence.tally.recordDecisions(evicting: evictions(settled), of: settled.count * heads)
        for row in settled.upperBound..<span.rows.upperBound {
            let place = logRow + row - settled.upperBound
            rollbackLog?.decisions[place].made += heads
            rollbackLog?.decisions[place].evicting += evictions(row..<row + 1)
        }
    }

    /// The span's sequence with tables large enough for the pass.
    private func prepare(_ span: ForwardBatch.Span) -> CachedSequence {
        let sequence: CachedSequence
        if let known = sequences[span.sequence] {
            sequence = known
        } else {
            sequence = CachedSequence(streamCount: streamCount, layout: layout)
            sequences[span.sequence] = sequence
            pool.addPromised(sequence.lease.byteCount)
        }
        let tables = TableNeed(of: span, sequence, in: self)
        if tables.grows {
            let before = sequence.lease.byteCount
            // The old tables live until the new ones are filled.
            pool.addPromised(tables.newBytes)
            sequence.lease.growTables(pages: tables.pages, flagWords: tables.flagWords)
            pool.ledger.subtract(tables.newBytes - (sequence.lease.byteCount - before))
        }
        return sequence
    }

    private func growStaging(_ need: Need) throws {
        if need.stages, staging == nil {
            let area = try StagingArea(layout: stagingLayout, heads: shape.keyValueHeads)
            pool.addPromised(area.byteCount)
            staging = area
        }
        guard let capacity = staging?.ringCapacity, need.ringSlots > capacity else { return }
        let heads = shape.keyValueHeads
        // The old bounds live until the new ones are there.
        try staging?.growRing(slots: need.ringSlots)
        pool.addPromised(StagingArea.ringByteCount(slots: need.ringSlots, heads: heads))
        pool.ledger.subtract(StagingArea.ringByteCount(slots: capacity, heads: heads))
    }

    func verifyInvariants() {
        guard configuration.checksInvariants else { return }
        do {
            try checkInvariants()
        } catch {
            preconditionFailure("\(error)")
        }
    }
}
