public import DMSPolicy
public import DMSTensor

/// What one sequence alone can make an empty cache allocate, known before the cache holds anything.
///
/// Whoever admits requests compares this with the budget: a sequence within it can always be finished, if need be by
/// removing all others. It counts what allocation may waste on the way: tables that are copied as they grow, slabs that
/// end within a page of the system, and the last slab.
public struct SequenceBound: Sendable {
    private let schedule: RetentionSchedule
    private let layout: KVPageLayout
    private let stagingBytes: Int
    private let rollbackBytes: Int
    private let heads: Int
    private let streamCount: Int

    /// - Parameters: As for the cache that is asked about.
    public init(
        shape: AttentionShape, layerCount: Int, configuration: CacheConfiguration,
        retention: (rule: RetentionRule, assembly: DecisionAssembly)?
    ) {
        schedule = RetentionSchedule(retention)
        layout = KVPageLayout(
            headDimension: shape.headDimension, type: configuration.kvType, slotsPerPage: configuration.slotsPerPage)
        let staged = CompactAttention.stagingLayout(shape: shape, configuration: configuration)
        stagingBytes = StagingArea.byteCount(layout: staged, heads: shape.keyValueHeads)
        heads = shape.keyValueHeads
        streamCount = layerCount * shape.keyValueHeads
        rollbackBytes = CompactAttention.rollbackByteCount(
            configuration, streamCount: streamCount, layout: layout)
    }

    /// Bytes that suffice for `tokens` tokens, drafts among them, when every head keeps everything.
    public func worstCaseBytes(tokens: Int) -> Int {
        let pages = layout.pageCount(slots: tokens)
        let table = tableBytes(tokens: tokens, pages: pages)
        // Tables grow by half at most, beside what they replace; so do the bounds of the ring.
        let tables = KVLease.bareByteCount(streamCount: streamCount) + table + table * 3 / 2 + 16 * streamCount
        let ring = StagingArea.ringByteCount(
            slots: roundUp(schedule.ringSlots(of: tokens), to: layout.slotsPerPage), heads: heads)
        return KVPagePool.worstBytes(pages: pages * streamCount, layout: layout) + tables + stagingBytes + 2 * ring
            + rollbackBytes
    }

    /// Bytes below which not even a sequence fits whose heads evict all they can.
    public func leastBytes(tokens: Int) -> Int {
        let pages = layout.pageCount(slots: schedule.leastStored(of: tokens))
        return pages * streamCount * layout.byteCount + KVLease.bareByteCount(streamCount: streamCount)
            + tableBytes(tokens: tokens, pages: pages) + rollbackBytes
    }

    private func tableBytes(tokens: Int, pages: Int) -> Int {
        let words = (schedule.ringSlots(of: tokens) + 63) / 64
        return KVLease.tableByteCount(streamCount: streamCount, pages: pages, flagWords: words)
    }
}
