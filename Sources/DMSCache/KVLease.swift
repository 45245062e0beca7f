/// Everything that one sequence holds of a pool: for each stream its pages and which tokens of its ring are evicted.
///
/// The pages are returned exactly once, by ``release(to:)``; a lease that ends before traps. Tables grow ahead of use,
/// in ``growTables(pages:flagWords:)``, so that storing a token never allocates.
struct KVLease: ~Copyable {
    let streamCount: Int
    let layout: KVPageLayout
    /// Pages that the table has room for, per stream.
    private(set) var pageCapacity = 0
    /// Words of 64 eviction flags, per stream.
    private(set) var flagWords = 0
    private var memory: UnsafeMutableRawPointer
    private var flags: UnsafeMutablePointer<UInt64>
    private var pages: UnsafeMutablePointer<Int32>
    let streams: UnsafeMutablePointer<HeadStream>

    init(streamCount: Int, layout: KVPageLayout) {
        self.streamCount = streamCount
        self.layout = layout
        streams = .allocate(capacity: streamCount)
        streams.initialize(repeating: HeadStream(), count: streamCount)
        memory = .allocate(byteCount: 8, alignment: 8)
        flags = memory.assumingMemoryBound(to: UInt64.self)
        pages = memory.assumingMemoryBound(to: Int32.self)
    }

    deinit {
        precondition((0..<streamCount).allSatisfy { streams[$0].used == 0 }, "a lease ended with pages")
        streams.deallocate()
        memory.deallocate()
    }

    // MARK: Tables

    /// Bytes of a lease without tables.
    static func bareByteCount(streamCount: Int) -> Int { streamCount * MemoryLayout<HeadStream>.stride }

    /// Bytes of tables for so many pages and flag words per stream.
    static func tableByteCount(streamCount: Int, pages: Int, flagWords: Int) -> Int {
        streamCount * (pages * 4 + flagWords * 8)
    }

    /// Bytes allocated: streams, page table and flags.
    var byteCount: Int {
        Self.bareByteCount(streamCount: streamCount)
            + Self.tableByteCount(streamCount: streamCount, pages: pageCapacity, flagWords: flagWords)
    }

    /// Makes room for so many pages and flag words in every stream.
    mutating func growTables(pages newPages: Int, flagWords newWords: Int) {
        precondition(newPages >= pageCapacity && newWords >= flagWords, "tables that shrink")
        let bytes = Self.tableByteCount(streamCount: streamCount, pages: newPages, flagWords: newWords)
        let grown = UnsafeMutableRawPointer.allocate(byteCount: max(8, bytes), alignment: 8)
        let grownFlags = grown.bindMemory(to: UInt64.self, capacity: streamCount * newWords)
        grownFlags.initialize(repeating: 0, count: streamCount * newWords)
        let grownPages = (grown + streamCount * newWords * 8).bindMemory(
            to: Int32.self, capacity: streamCount * newPages)
        grownPages.initialize(repeating: -1, count: streamCount * newPages)
        for stream in 0..<streamCount {
            (grownFlags + stream * newWords).update(from: flags + stream * flagWords, count: flagWords)
            (grownPages + stream * newPages).update(from: pages + stream * pageCapacity, count: pageCapacity)
        }
        memory.deallocate()
        memory = grown
        flags = grownFlags
        pages = grownPages
        pageCapacity = newPages
        flagWords = newWords
    }

    // MARK: Streams

    func pageCount(_ stream: Int) -> Int { layout.pageCount(slots: Int(streams[stream].used)) }

    /// The pages of a stream, in order.
    func pageNames(_ stream: Int) -> UnsafeBufferPointer<Int32> {
        UnsafeBufferPointer(start: pages + stream * pageCapacity, count: pageCount(stream))
    }

    func slot(_ stream: Int, _ slot: Int, _ pool: borrowing KVPagePool) -> KVSlot {
        let page = pages[stream * pageCapacity + slot >> layout.slotShift]
        return KVSlot(page: pool.address(page), index: slot & (layout.slotsPerPage - 1))
    }

    func isEvicted(_ stream: Int, ringSlot: Int) -> Bool {
        flags[stream * flagWords + ringSlot >> 6] >> UInt64(ringSlot & 63) & 1 != 0
    }

    func setEvicted(_ stream: Int, ringSlot: Int, _ evicted: Bool) {
        let word = flags + (stream * flagWords + ringSlot >> 6)
        let bit: UInt64 = 1 << UInt64(ringSlot & 63)
        word.pointee = evicted ? word.pointee | bit : word.pointee & ~bit
    }

    /// A word of the eviction flags of a stream's ring.
    func flags(_ stream: Int, word: Int) -> UInt64 { flags[stream * flagWords + word] }

    func setFlags(_ stream: Int, word: Int, _ bits: UInt64) { flags[stream * flagWords + word] = bits }

    /// The tokens of a stream, as the first slot of each of its pages and the number of tokens there.
    func pageParts(_ stream: Int, _ pool: borrowing KVPagePool) -> [(slot: KVSlot, count: Int)] {
        let used = Int(streams[stream].used)
        return pageNames(stream).enumerated().map { index, page in
            let count = min(layout.slotsPerPage, used - index << layout.slotShift)
            return (KVSlot(page: pool.address(page), index: 0), count)
        }
    }

    /// Takes the pages for `used` tokens of a stream that has none, after `seen` tokens; they are to be written.
    ///
    /// The tables must be large enough, and the pages reserved.
    mutating func fill(_ stream: Int, used: Int, seen: Int, _ pool: inout KVPagePool) throws {
        precondition(streams[stream].used == 0 && layout.pageCount(slots: used) <= pageCapacity, "a stream in use")
        for index in 0..<layout.pageCount(slots: used) {
            pages[stream * pageCapacity + index] = try pool.allocate()
            // Counted page by page, so that a failure half-way returns exactly what was taken.
            streams[stream].used = Int32(min(used, (index + 1) << layout.slotShift))
        }
        streams[stream].seen = Int32(seen)
    }

    /// Adds a slot behind the last one, with a new page where the last is full.
    private mutating func append(_ stream: Int, _ pool: inout KVPagePool) throws -> KVSlot {
        let used = Int(streams[stream].used)
        if used & (layout.slotsPerPage - 1) == 0 {
            let index = used >> layout.slotShift
            precondition(index < pageCapacity, "a page beyond the table's capacity")
            pages[stream * pageCapacity + index] = try pool.allocate()
        }
        streams[stream].used += 1
        return slot(stream, used, pool)
    }

    /// Lets one token arrive: applies what it decides, settles the token that leaves the window, and returns the slot
    /// that the new token's key and value are to be written to.
    ///
    /// - Parameter evicts: The decision that this token makes.
    mutating func advance(
        _ stream: Int, _ step: TokenStep, evicts: Bool, _ pool: inout KVPagePool
    ) throws -> KVSlot {
        if let decided = step.decidedSlot { setEvicted(stream, ringSlot: decided, evicts) }
        if let leaving = step.leavingSlot, !isEvicted(stream, ringSlot: leaving) {
            let retained = try append(stream, &pool)
            KVSlot.copy(from: slot(stream, leaving, pool), layout, to: retained, layout)
        }
        streams[stream].seen += 1
        guard let arrival = step.arrivalSlot else { return try append(stream, &pool) }
        setEvicted(stream, ringSlot: arrival, step.decidesItself && evicts)
        return arrival < Int(streams[stream].used) ? slot(stream, arrival, pool) : try append(stream, &pool)
    }

    // MARK: Sharing

    /// Pages that ``share(_:ringSlots:pool:)`` copies instead of referring to them.
    func pagesCopiedByFork(ringSlots: Int) -> Int {
        (0..<streamCount).reduce(0) { total, stream in
            let shared = sharedPages(stream, ringSlots: ringSlots)
            return total + pageCount(stream) - shared.count
        }
    }

    /// Pages that nothing is ever written to again: full, and behind the ring.
    func sharedPages(_ stream: Int, ringSlots: Int) -> Range<Int> {
        let full = Int(streams[stream].used) >> layout.slotShift
        return min(layout.pageCount(slots: min(ringSlots, Int(streams[stream].used))), full)..<full
    }

    /// Takes over the streams of another lease: refers to the pages that no longer change, copies the others.
    ///
    /// The tables must be as large as the other's, and the pages to be copied reserved.
    mutating func share(_ other: borrowing KVLease, ringSlots: Int, pool: inout KVPagePool) throws {
        precondition(pageCapacity >= other.pageCapacity && flagWords == other.flagWords, "tables too small to share")
        for stream in 0..<streamCount {
            (flags + stream * flagWords).update(from: other.flags + stream * flagWords, count: flagWords)
            let shared = other.sharedPages(stream, ringSlots: ringSlots)
            for (index, page) in other.pageNames(stream).enumerated() {
                let own: Int32
                if shared.contains(index) {
                    pool.retain(page)
                    own = page
                } else {
                    own = try pool.allocate()
                    pool.address(own).copyMemory(from: pool.address(page), byteCount: layout.byteCount)
                }
                pages[stream * pageCapacity + index] = own
                // Counted page by page, so that a failure half-way returns exactly what was taken.
                let slots = (index + 1) << layout.slotShift
                streams[stream].used = min(other.streams[stream].used, Int32(slots))
            }
            streams[stream].seen = other.streams[stream].seen
        }
    }

    /// Returns all pages.
    mutating func release(to pool: inout KVPagePool) {
        for stream in 0..<streamCount {
            for page in pageNames(stream) { pool.release(page) }
            streams[stream] = HeadStream()
        }
    }
}
