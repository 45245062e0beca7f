import DMSTensor

/// The one owner of all pages: an arena of slabs, reference counts, and the byte budget.
///
/// Slabs are mapped when their pages are needed and unmapped when all of them are free (but one, which is kept so that
/// memory does not go back and forth), each about 1/64 of the arena, so that mapped memory follows use. The budget
/// covers whatever is counted in ``ledger``: slabs here, tables and staging by their owners.
package struct KVPagePool: ~Copyable {
    private static let smallestSlab = 64 << 10
    private static let largestSlab = 16 << 20
    private static let growthFraction = 64

    package let layout: KVPageLayout
    package var ledger: ByteLedger
    package private(set) var pagesInUse = 0
    package private(set) var freePages = 0
    /// Mapped bytes and reference counts of all slabs.
    package private(set) var slabBytes = 0
    /// Pages promised by ``reserve(pages:otherBytes:)`` and not taken yet.
    package private(set) var reserved = 0
    /// Bytes promised beside them and not allocated yet: no slab may take these.
    private var promisedBytes = 0
    private var slabs: [KVSlab?] = []
    private var bases: [UnsafeMutableRawPointer?] = []
    private var emptySlabs = 0
    // No slab before this one has a free page.
    private var firstOpen = 0

    package init(layout: KVPageLayout, budget: Int?) {
        self.layout = layout
        ledger = ByteLedger(budget: budget)
    }

    /// The start of a page.
    package func address(_ page: Int32) -> UnsafeMutableRawPointer {
        guard let base = bases[Int(page >> 16)] else { preconditionFailure("page \(page) of an unmapped slab") }
        return base + Int(page & 0xFFFF) * layout.byteCount
    }

    // MARK: Promises

    /// Bytes that have to be allocated before `pages` pages can be taken.
    package func missingBytes(pages: Int) -> Int { leastBytes(pages: max(0, pages - freePages)) }

    /// Promises that `pages` pages can be taken within the budget, beside `otherBytes` that the caller allocates itself
    /// and counts by ``addPromised(_:)``, in any order.
    ///
    /// - Throws: ``CacheError`` when the budget does not allow it; nothing has changed then.
    package mutating func reserve(pages: Int, otherBytes: Int) throws(CacheError) {
        try ledger.require(otherBytes + missingBytes(pages: pages))
        reserved = pages
        promisedBytes = otherBytes
    }

    /// Counts bytes that were promised and are allocated now.
    package mutating func addPromised(_ bytes: Int) {
        ledger.add(bytes)
        promisedBytes = max(0, promisedBytes - bytes)
    }

    /// Takes the promise back as far as it was not used.
    package mutating func endReservation() {
        reserved = 0
        promisedBytes = 0
    }

    // MARK: Pages

    /// Takes a page, with one reference.
    ///
    /// - Throws: ``CacheError`` beyond the budget (never for a reserved page), `MemoryError` when the system has no
    ///   memory.
    package mutating func allocate() throws -> Int32 {
        while firstOpen < slabs.count && slabs[firstOpen]?.freeCount ?? 0 == 0 { firstOpen += 1 }
        if firstOpen == slabs.count { try grow() }
        guard let slab = slabs[firstOpen] else { preconditionFailure("no slab after growth") }
        if slab.isEmpty { emptySlabs -= 1 }
        let page = slab.take()
        pagesInUse += 1
        freePages -= 1
        reserved = max(0, reserved - 1)
        return Int32(firstOpen << 16 | page)
    }

    /// Refers to a page once more.
    package mutating func retain(_ page: Int32) { slab(of: page).retain(Int(page & 0xFFFF)) }

    /// Gives a reference back; the last one frees the page.
    package mutating func release(_ page: Int32) {
        let slab = slab(of: page)
        let free = slab.freeCount
        slab.release(Int(page & 0xFFFF))
        guard slab.freeCount > free else { return }
        pagesInUse -= 1
        freePages += 1
        firstOpen = min(firstOpen, Int(page >> 16))
        guard slab.isEmpty else { return }
        emptySlabs += 1
        if emptySlabs > 1 { unmap(Int(page >> 16)) }
    }

    package func referenceCount(_ page: Int32) -> Int { slab(of: page).referenceCount(Int(page & 0xFFFF)) }

    /// Unmaps every slab without a page in use.
    package mutating func trim() {
        for index in slabs.indices where slabs[index]?.isEmpty == true { unmap(index) }
    }

    // MARK: Slabs

    private func slab(of page: Int32) -> KVSlab {
        guard let slab = slabs[Int(page >> 16)] else { preconditionFailure("page \(page) of an unmapped slab") }
        return slab
    }

    /// Bytes within which a pool that starts empty, and whose pages are never returned, provides `pages` pages under
    /// a budget of that size or more.
    ///
    /// While a whole slab fits, slabs are of the smallest target size or larger, and each wastes less than a page of
    /// the system. What is left when no whole slab fits goes in smaller ones, which may waste as much again.
    package static func worstBytes(pages: Int, layout: KVPageLayout) -> Int {
        let even = KVSlab.pagesPerWholeMapping(layout)
        var perSlab = max(1, smallestSlab / layout.byteCount)
        if perSlab > even { perSlab -= perSlab % even }
        let slabs = (pages + perSlab - 1) / perSlab
        let pageBytes = pages * (layout.byteCount + 4)
        let target = min(max(pageBytes / growthFraction, smallestSlab), largestSlab) + layout.byteCount
        return pageBytes + slabs * KVSlab.largestWaste + target * 9 / 8 + KVSlab.largestWaste
    }

    /// What `pages` pages cost in as few slabs as possible.
    private func leastBytes(pages: Int) -> Int {
        let (full, rest) = pages.quotientAndRemainder(dividingBy: KVSlab.largestPageCount)
        let fullBytes = full * KVSlab.byteCount(pageCount: KVSlab.largestPageCount, layout: layout)
        return rest == 0 ? fullBytes : fullBytes + KVSlab.byteCount(pageCount: rest, layout: layout)
    }

    /// Pages of the next slab.
    ///
    /// Only called when no page is free: all promised pages are then without memory, and a slab
    /// that leaves too little of the budget for the rest of them would break the promise.
    private func nextSlabPages() -> Int {
        let owed = max(1, reserved)
        let available = ledger.available - promisedBytes
        let target = min(max(slabBytes / Self.growthFraction, Self.smallestSlab), Self.largestSlab)
        var wanted = min(max(1, target / layout.byteCount), KVSlab.largestPageCount)
        // So many pages end where a page of the system ends, and waste nothing behind the last one.
        let even = KVSlab.pagesPerWholeMapping(layout)
        if wanted > even { wanted -= wanted % even }
        let cost = leastBytes(pages: wanted) + leastBytes(pages: max(0, owed - wanted))
        if cost <= available { return wanted }
        let least = min(owed, KVSlab.largestPageCount)
        // What the last page of the system has room for costs next to nothing.
        let filled = KVSlab.pagesFilling(least, layout)
        let filledCost = KVSlab.byteCount(pageCount: filled, layout: layout) + leastBytes(pages: max(0, owed - filled))
        return filledCost <= available ? filled : least
    }

    private mutating func grow() throws {
        let pages = nextSlabPages()
        let bytes = KVSlab.byteCount(pageCount: pages, layout: layout)
        try ledger.require(bytes)
        let slab = try KVSlab(pageCount: pages, layout: layout)
        let index = slabs.firstIndex { $0 == nil } ?? slabs.count
        precondition(index < 1 << 15, "more slabs than page numbers can name")
        if index == slabs.count {
            slabs.append(slab)
            bases.append(slab.base)
        } else {
            slabs[index] = slab
            bases[index] = slab.base
        }
        ledger.add(bytes)
        slabBytes += bytes
        freePages += pages
        emptySlabs += 1
        firstOpen = index
    }

    private mutating func unmap(_ index: Int) {
        guard let slab = slabs[index] else { return }
        let bytes = KVSlab.byteCount(pageCount: slab.pageCount, layout: layout)
        slabs[index] = nil
        bases[index] = nil
        ledger.subtract(bytes)
        slabBytes -= bytes
        freePages -= slab.pageCount
        emptySlabs -= 1
    }

    // MARK: Invariants

    /// - Parameter references: How often each page is referred to, counted by its holders.
    /// - Throws: ``CacheInvariantError`` where the pool's counts differ.
    package func checkInvariants(references: [Int32: Int]) throws(CacheInvariantError) {
        var inUse = 0
        var free = 0
        var bytes = 0
        for (index, slab) in slabs.enumerated() {
            guard let slab else { continue }
            bytes += KVSlab.byteCount(pageCount: slab.pageCount, layout: layout)
            free += slab.freeCount
            inUse += slab.pageCount - slab.freeCount
            for page in 0..<slab.pageCount {
                let name = Int32(index << 16 | page)
                let found = slab.referenceCount(page)
                guard found == references[name] ?? 0 else {
                    throw CacheInvariantError("page \(name): \(found) references, \(references[name] ?? 0) holders")
                }
            }
        }
        guard inUse == pagesInUse, free == freePages, inUse == references.count else {
            throw CacheInvariantError(
                "\(inUse) pages in use and \(free) free; counted \(pagesInUse) and \(freePages), "
                    + "\(references.count) held")
        }
        guard bytes == slabBytes else { throw CacheInvariantError("slabs of \(bytes) bytes counted as \(slabBytes)") }
    }
}
