import DMSTensor

/// Pages mapped in one piece, and how often each is referred to.
final class KVSlab {
    /// Pages of a slab are numbered with 16 bits.
    static let largestPageCount = 1 << 16
    private static let systemPage = 4096
    /// The most bytes of a slab that are neither pages nor their reference counts.
    static let largestWaste = systemPage + 64

    let pageCount: Int
    private(set) var freeCount: Int
    private let buffer: HostBuffer
    // Per page its references, or, for a free page, ~(next free page): the free list costs no memory of its own.
    private let references: UnsafeMutablePointer<Int32>
    private var firstFree: Int32 = 0

    init(pageCount: Int, layout: KVPageLayout) throws(MemoryError) {
        precondition((1...Self.largestPageCount).contains(pageCount), "a slab of \(pageCount) pages")
        self.pageCount = pageCount
        freeCount = pageCount
        buffer = try HostBuffer(byteCount: roundUp(pageCount * layout.byteCount, to: Self.systemPage))
        references = .allocate(capacity: pageCount)
        for page in 0..<pageCount { (references + page).initialize(to: ~Int32(page + 1)) }
    }

    deinit { references.deallocate() }

    /// What a slab allocates: mapped memory, reference counts, and the object itself.
    static func byteCount(pageCount: Int, layout: KVPageLayout) -> Int {
        roundUp(pageCount * layout.byteCount, to: systemPage) + pageCount * 4 + 64
    }

    /// So many pages, and those that fit behind them into memory that is mapped for them anyway.
    static func pagesFilling(_ pages: Int, _ layout: KVPageLayout) -> Int {
        min(roundUp(pages * layout.byteCount, to: systemPage) / layout.byteCount, largestPageCount)
    }

    /// The smallest number of pages that fills mapped memory to the last byte.
    static func pagesPerWholeMapping(_ layout: KVPageLayout) -> Int {
        systemPage / min(systemPage, 1 << layout.byteCount.trailingZeroBitCount)
    }

    var base: UnsafeMutableRawPointer { buffer.pointer }
    var isEmpty: Bool { freeCount == pageCount }

    /// Takes a free page, with one reference.
    func take() -> Int {
        precondition(freeCount > 0, "a page of a full slab")
        let page = Int(firstFree)
        firstFree = ~references[page]
        references[page] = 1
        freeCount -= 1
        return page
    }

    func retain(_ page: Int) {
        precondition(references[page] > 0, "a reference to a free page")
        references[page] += 1
    }

    /// Gives one reference back; the last one frees the page.
    func release(_ page: Int) {
        precondition(references[page] > 0, "a page returned twice")
        references[page] -= 1
        guard references[page] == 0 else { return }
        references[page] = ~firstFree
        firstFree = Int32(page)
        freeCount += 1
    }

    /// References to a page; 0 where it is free.
    func referenceCount(_ page: Int) -> Int { max(0, Int(references[page])) }
}
