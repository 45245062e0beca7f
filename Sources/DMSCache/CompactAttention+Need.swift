public import DMSModel
import DMSTensor

extension CompactAttention {
    /// Bytes that a pass may have to allocate in the worst case, in which every head keeps everything.
    ///
    /// ``begin(_:)`` refuses a pass for which this exceeds ``availableBytes``.
    ///
    /// Spans are taken to start where their sequences end.
    public func worstCaseBytes(for batch: ForwardBatch) -> Int {
        let need = Need(of: batch.spans, in: self)
        return need.otherBytes + pool.missingBytes(pages: need.pages)
    }

    /// Whether a pass over these spans fits the budget in the worst case, once some sequences are removed.
    ///
    /// A sequence that is removed may occur among the spans: it then starts anew. Spans are taken to start where their
    /// sequences end; which rows they have does not matter, only how many. O(spans × layers × KV heads), and as much
    /// as their pages for sequences to be removed.
    ///
    /// - Parameter origins: Where sequences of the spans begin that ``start(_:from:)`` will name before the pass.
    public func fits(
        _ spans: [ForwardBatch.Span], removing removed: Set<Int> = [], starting origins: [Int: SequenceOrigin] = [:]
    ) -> Bool {
        guard pool.ledger.budget != nil else { return true }
        return fits(spans, removing: removed, freeing: memoryFreed(byRemoving: removed), starting: origins)
    }

    /// As ``fits(_:removing:starting:)``, for whoever knows what the removal frees.
    package func fits(
        _ spans: [ForwardBatch.Span], removing removed: Set<Int>, freeing freed: FreedMemory,
        starting origins: [Int: SequenceOrigin]
    ) -> Bool {
        guard pool.ledger.budget != nil else { return true }
        let need = Need(of: spans, in: self, removing: removed, starting: origins)
        // That slabs may be unmapped meanwhile changes nothing: their bytes are worth as many pages again.
        let pageBytes = pool.missingBytes(pages: max(0, need.pages - freed.pages))
        return need.otherBytes + pageBytes <= availableBytes + freed.tableBytes
    }

    /// What removing some sequences together would free; unknown ones free nothing.
    ///
    /// O(their pages).
    package func memoryFreed(byRemoving removed: Set<Int>) -> FreedMemory {
        var freed = FreedMemory()
        // References that go, of pages that have several.
        var released: [Int32: Int] = [:]
        for name in removed {
            guard let sequence = sequences[name] else { continue }
            freed.tableBytes += sequence.lease.byteCount
            for stream in 0..<streamCount {
                for page in sequence.lease.pageNames(stream) {
                    let references = pool.referenceCount(page)
                    if references == 1 {
                        freed.pages += 1
                    } else {
                        released[page, default: 0] += 1
                        // A page that others refer to as well stays.
                        if released[page] == references { freed.pages += 1 }
                    }
                }
            }
        }
        return freed
    }

    /// Bytes of the budget that are not allocated; without a budget, `Int.max` less what is allocated.
    public var availableBytes: Int { pool.ledger.available }
}

/// What sequences that are removed give back.
package struct FreedMemory: Sendable, Hashable {
    package var pages = 0
    package var tableBytes = 0
}

/// The most that a pass can need.
struct Need {
    var pages = 0
    /// New tables and streams; the tables that they replace are still there while they are filled.
    var tableBytes = 0
    var stagingBytes = 0
    /// What draft rows overwrite, in the first pass of all.
    var rollbackBytes = 0
    /// Whether rows of a span are computed together.
    var stages = false
    /// Slots of the longest ring that prefill will have to bound, in whole pages.
    var ringSlots = 0

    /// All but pages.
    var otherBytes: Int { tableBytes + stagingBytes + rollbackBytes }

    init(
        of spans: [ForwardBatch.Span], in cache: CompactAttention, removing removed: Set<Int> = [],
        starting origins: [Int: SequenceOrigin] = [:]
    ) {
        for span in spans {
            var counts: (any StreamCounts)?
            if let origin = origins[span.sequence] {
                let start = StartNeed(of: origin, in: cache)
                pages += start.pages
                tableBytes += start.tableBytes
                counts = start.counts
            } else if !removed.contains(span.sequence) {
                counts = cache.sequences[span.sequence]
            }
            let tables = TableNeed(of: span, counts, in: cache)
            pages += tables.newPages
            tableBytes += tables.newBytes
            if counts == nil { tableBytes += KVLease.bareByteCount(streamCount: cache.streamCount) }
            guard !span.rowByRow else { continue }
            stages = true
            let seen = span.firstPosition + span.rows.count
            let slots = roundUp(cache.schedule.ringSlots(of: seen), to: cache.layout.slotsPerPage)
            ringSlots = max(ringSlots, slots)
        }
        if cache.rollbackLog == nil {
            rollbackBytes = CompactAttention.rollbackByteCount(
                cache.configuration, streamCount: cache.streamCount, layout: cache.layout)
        }
        guard stages else { return }
        let heads = cache.shape.keyValueHeads
        let capacity = cache.staging?.ringCapacity ?? 0
        if cache.staging == nil { stagingBytes = StagingArea.byteCount(layout: cache.stagingLayout, heads: heads) }
        if ringSlots > capacity {
            // Rings that grow with a long prompt are given room ahead, so that few passes have to grow the bounds.
            ringSlots = min(
                max(ringSlots, capacity + capacity / 2),
                max(ringSlots, roundUp(cache.schedule.ringSlots, to: cache.layout.slotsPerPage)))
            stagingBytes += StagingArea.ringByteCount(slots: ringSlots, heads: heads)
        }
    }
}

/// What a span needs of its sequence's tables, and of pages.
struct TableNeed {
    /// Pages to be taken if every head keeps everything.
    var newPages = 0
    /// Capacities that the tables have to have.
    var pages: Int
    var flagWords: Int
    /// Whether they are larger than now.
    let grows: Bool
    /// Bytes of the new tables, 0 where the present ones do.
    let newBytes: Int

    /// - Parameter counts: What the sequence holds before the pass, `nil` for nothing.
    init(of span: ForwardBatch.Span, _ counts: (any StreamCounts)?, in cache: CompactAttention) {
        let rows = span.rows.count
        let layout = cache.layout
        var longest = 0
        if let counts {
            for stream in 0..<cache.streamCount {
                let used = counts.used(stream)
                let most = layout.pageCount(slots: used + rows)
                newPages += most - layout.pageCount(slots: used)
                longest = max(longest, most)
            }
        } else {
            longest = layout.pageCount(slots: rows)
            newPages = longest * cache.streamCount
        }
        let words = (cache.schedule.ringSlots(of: span.firstPosition + rows) + 63) / 64
        let pageCapacity = counts?.pageCapacity ?? 0
        let wordCapacity = counts?.flagWords ?? 0
        grows = longest > pageCapacity || words > wordCapacity
        // Half as much again, so that a sequence which grows token by token rarely reallocates.
        pages = longest > pageCapacity ? max(longest, pageCapacity + pageCapacity / 2) : pageCapacity
        flagWords = words > wordCapacity ? max(words, wordCapacity + wordCapacity / 2) : wordCapacity
        flagWords = max(wordCapacity, min(flagWords, (cache.schedule.ringSlots + 63) / 64))
        newBytes =
            grows
            ? KVLease.tableByteCount(streamCount: cache.streamCount, pages: pages, flagWords: flagWords) : 0
    }
}
