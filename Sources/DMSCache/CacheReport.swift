public import DMSPolicy
import DMSTensor

/// What one sequence stores.
public struct SequenceUsage: Sendable, Hashable {
    /// Tokens seen.
    public var tokens: Int
    /// Tokens seen × layers × KV heads.
    public var seenTokenHeads: Int
    /// Token·heads stored.
    public var liveTokenHeads: Int
    /// Their keys, values and scales.
    public var liveBytes: Int
    /// The part of ``liveBytes`` that lies inside the window, evicted or not.
    public var ringBytes: Int
    /// What a dense cache of the same element type would hold.
    public var denseBytes: Int
    /// Pages held, shared ones included.
    public var pages: Int
    /// ``pages`` in bytes, and the sequence's tables.
    public var allocatedBytes: Int
    /// Bytes of pages behind the last token of each stream.
    public var pageSlackBytes: Int
    /// Decisions, and what was stored after each token, since the sequence began (or was forked).
    public var tally: CompressionTally

    /// The three ratios of this sequence; its slack in slabs is not its own and left out.
    public var ratios: CompressionRatios { tally.ratios(denseBytes: denseBytes, allocatedBytes: allocatedBytes) }
}

/// What a cache holds, true to its allocator.
///
/// `allocatedBytes = slabBytes + tableBytes + stagingBytes + rollbackBytes`, and
/// `slabBytes = liveBytes + pageSlackBytes + slabSlackBytes`. Page slack is less than one page for each stream: (layer,
/// KV head, sequence). Slab slack is less than 1/64 of the arena, or 64 KiB where the arena is small, and 4 bytes a page
/// while the arena grows; after sequences were removed, also what they left free in slabs that others still use. The lists that one attention
/// call works on are not counted.
public struct CacheReport: Sendable, Hashable {
    /// What each sequence takes, by its number.
    public var sequences: [Int: SequenceUsage]
    /// Sums over the sequences.
    public var seenTokenHeads: Int
    /// Token·heads that are stored.
    public var liveTokenHeads: Int
    /// Bytes of the rings.
    public var ringBytes: Int
    /// Bytes that a dense cache of the same element type would hold.
    public var denseBytes: Int
    /// Keys, values and scales of live tokens; pages that sequences share are counted once.
    public var liveBytes: Int
    /// Mapped pages and their reference counts.
    public var slabBytes: Int
    /// Page tables and eviction flags.
    public var tableBytes: Int
    /// What prefill computes with.
    public var stagingBytes: Int
    /// Room for what draft rows overwrite: ``CacheConfiguration/draftRows`` tokens of every layer and KV head, each
    /// rounded up to 64 bytes, and 8 bytes more.
    public var rollbackBytes: Int
    /// Bytes that the cache has taken.
    public var allocatedBytes: Int
    /// The most that was ever allocated.
    public var peakAllocatedBytes: Int
    /// What ``allocatedBytes`` may be; `nil` for no bound.
    public var budgetBytes: Int?
    /// Pages that hold tokens.
    public var pagesInUse: Int
    /// Pages that were taken and hold none.
    public var freePages: Int
    /// Bytes of a page.
    public var pageBytes: Int
    /// Bytes of one token in a dense cache, all layers and heads together.
    public var bytesPerToken: Int
    /// Bytes of pages in use that hold no live token.
    public var pageSlackBytes: Int
    /// Bytes of slabs that are not pages in use: free pages, reference counts, rounding.
    public var slabSlackBytes: Int
    /// All decisions and steps, of removed sequences too.
    public var tally: CompressionTally

    /// The three ratios; the byte ratio is that of the sequences that are in the cache now.
    public var ratios: CompressionRatios { tally.ratios(denseBytes: denseBytes, allocatedBytes: allocatedBytes) }
}

extension CompactAttention {
    /// What one sequence stores, or `nil` where it is unknown.
    ///
    /// O(layers × KV heads).
    public func usage(of sequence: Int) -> SequenceUsage? { sequences[sequence].map(usage(of:)) }

    /// The tokens of a sequence whose fate is decided when these arrive.
    package func keys(decidedBy tokens: Range<Int>) -> Range<Int> { schedule.keys(decidedBy: tokens) }

    /// What the cache holds.
    ///
    /// O(sequences × layers × KV heads).
    public func report() -> CacheReport {
        var report = totals()
        report.sequences = sequences.mapValues { usage(of: $0) }
        return report
    }

    /// ``report()`` without what each sequence takes: for whoever asks in the middle of serving, it allocates nothing.
    package func totals() -> CacheReport {
        var seen = 0, stored = 0, ring = 0, dense = 0, unshared = 0, pages = 0
        var tally = retiredTally
        for sequence in sequences.values {
            let usage = usage(of: sequence)
            seen += usage.seenTokenHeads
            stored += usage.liveTokenHeads
            ring += usage.ringBytes
            dense += usage.denseBytes
            unshared += usage.liveBytes
            pages += usage.pages
            tally.merge(usage.tally)
        }
        // A shared page is full, so every further reference to it stands for a whole page of tokens.
        let furtherReferences = pages - pool.pagesInUse
        let live = unshared - furtherReferences * layout.slotsPerPage * layout.bytesPerToken
        let pageBytes = pool.pagesInUse * layout.byteCount
        return CacheReport(
            sequences: [:], seenTokenHeads: seen, liveTokenHeads: stored, ringBytes: ring, denseBytes: dense,
            liveBytes: live, slabBytes: pool.slabBytes,
            tableBytes: tableBytes, stagingBytes: staging?.byteCount ?? 0,
            rollbackBytes: rollbackLog?.byteCount ?? 0, allocatedBytes: pool.ledger.allocated,
            peakAllocatedBytes: pool.ledger.peak, budgetBytes: pool.ledger.budget, pagesInUse: pool.pagesInUse,
            freePages: pool.freePages, pageBytes: layout.byteCount, bytesPerToken: layout.bytesPerToken,
            pageSlackBytes: pageBytes - live, slabSlackBytes: pool.slabBytes - pageBytes, tally: tally)
    }

    var tableBytes: Int { sequences.values.reduce(0) { $0 + $1.lease.byteCount } }

    private func usage(of sequence: CachedSequence) -> SequenceUsage {
        let live = sequence.liveTokens
        let pages = (0..<streamCount).reduce(0) { $0 + sequence.lease.pageCount($1) }
        let seen = sequence.count * streamCount
        let ring = schedule.ringSlots(of: sequence.count) * streamCount
        return SequenceUsage(
            tokens: sequence.count, seenTokenHeads: seen, liveTokenHeads: live,
            liveBytes: live * layout.bytesPerToken, ringBytes: ring * layout.bytesPerToken,
            denseBytes: seen * layout.bytesPerToken, pages: pages,
            allocatedBytes: pages * layout.byteCount + sequence.lease.byteCount,
            pageSlackBytes: pages * layout.byteCount - live * layout.bytesPerToken, tally: sequence.tally)
    }
}
