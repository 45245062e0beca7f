import DMSCache
import DMSTensor
import DMSTestSupport
import Testing

/// The pool with integers only.
@Suite struct KVPagePoolTests {
    static let layout = KVPageLayout(headDimension: 64, type: .bfloat16, slotsPerPage: 64)

    @Test func layoutsAreAsDocumented() {
        let bf16 = Self.layout
        #expect(bf16.byteCount == 2 * 64 * 64 * 2)
        #expect(bf16.bytesPerToken == 256)
        let fp8 = KVPageLayout(headDimension: 64, type: .float8, slotsPerPage: 32)
        #expect(fp8.byteCount == 32 * (2 * 64 + 8))
        #expect(fp8.bytesPerToken == 136)
        #expect(KVPageLayout(headDimension: 10, type: .int8, slotsPerPage: 1).byteCount == 64)
        #expect([0, 1, 64, 65, 128].map(bf16.pageCount(slots:)) == [0, 1, 1, 2, 2])
    }

    @Test(arguments: [
        Self.layout, KVPageLayout(headDimension: 64, type: .float8, slotsPerPage: 32),
        KVPageLayout(headDimension: 80, type: .int8, slotsPerPage: 16),
    ])
    func pagesAreDistinctAndAligned(_ layout: KVPageLayout) throws {
        var pool = KVPagePool(layout: layout, budget: nil)
        var pages: [Int32: Int] = [:]
        var addresses: Set<Int> = []
        for _ in 0..<5000 {
            let page = try pool.allocate()
            #expect(pages[page] == nil)
            pages[page] = 1
            let address = Int(bitPattern: pool.address(page))
            #expect(address % 64 == 0)
            addresses.insert(address / layout.byteCount)
        }
        #expect(pool.pagesInUse == 5000)
        try pool.checkInvariants(references: pages)
        // Mapped memory follows use.
        let used = 5000 * layout.byteCount
        #expect(pool.ledger.allocated == pool.slabBytes)
        let slack = max(used / 63, 64 << 10) + 5 * 5000
        #expect(pool.slabBytes >= used && pool.slabBytes < used + slack)
        for page in pages.keys { pool.release(page) }
        #expect(pool.pagesInUse == 0)
        pool.trim()
        #expect(pool.ledger.allocated == 0 && pool.freePages == 0)
        #expect(pool.ledger.peak >= used)
    }

    @Test func referencesAreCounted() throws {
        var pool = KVPagePool(layout: Self.layout, budget: nil)
        let page = try pool.allocate()
        pool.retain(page)
        pool.retain(page)
        #expect(pool.referenceCount(page) == 3)
        pool.release(page)
        pool.release(page)
        #expect(pool.pagesInUse == 1)
        try pool.checkInvariants(references: [page: 1])
        #expect(throws: CacheInvariantError.self) { try pool.checkInvariants(references: [page: 2]) }
        #expect(throws: CacheInvariantError.self) { try pool.checkInvariants(references: [:]) }
        pool.release(page)
        #expect(pool.pagesInUse == 0 && pool.referenceCount(page) == 0)
        #expect(try pool.allocate() == page)
        pool.release(page)
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func randomUseKeepsTheCounts(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var pool = KVPagePool(layout: KVPageLayout(headDimension: 32, type: .int8, slotsPerPage: 8), budget: 3 << 20)
        var held: [Int32: Int] = [:]
        for _ in 0..<1000 {
            if Int.random(in: 0..<5, using: &random) < 3 {
                let page = try pool.allocate()
                held[page, default: 0] += 1
            } else if let page = held.keys.min() {
                if Bool.random(using: &random) {
                    pool.retain(page)
                    held[page, default: 0] += 1
                } else {
                    pool.release(page)
                    held[page, default: 0] -= 1
                    if held[page] == 0 { held[page] = nil }
                }
            }
        }
        try pool.checkInvariants(references: held)
        for (page, count) in held { for _ in 0..<count { pool.release(page) } }
        pool.trim()
        #expect(pool.ledger.allocated == 0)
    }

    /// Whatever was promised can be taken, to the last page and in any interleaving, and no byte more than the budget.
    @Test(arguments: 0..<12 as Range<UInt64>)
    func promisesAreKeptWithinTheBudget(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let layout = KVPageLayout(headDimension: 24, type: .float8, slotsPerPage: 16)
        let budget = Int.random(in: 10_000..<3_000_000, using: &random)
        var pool = KVPagePool(layout: layout, budget: budget)
        var held: [Int32] = []
        for _ in 0..<30 {
            // The largest promise that is accepted, found by bisection; one page more is refused.
            var low = 0
            var high = budget / layout.byteCount + pool.freePages + 2
            while low + 1 < high {
                let middle = (low + high) / 2
                if pool.missingBytes(pages: middle) <= pool.ledger.available { low = middle } else { high = middle }
            }
            let before = pool.ledger.allocated
            #expect(throws: CacheError.self) { try pool.reserve(pages: low + 1, otherBytes: 0) }
            #expect(pool.ledger.allocated == before)
            let promised = Bool.random(using: &random) ? low : Int.random(in: 0...low, using: &random)
            try pool.reserve(pages: promised, otherBytes: 0)
            let taken = Bool.random(using: &random) ? promised : Int.random(in: 0...promised, using: &random)
            for _ in 0..<taken { held.append(try pool.allocate()) }
            #expect(pool.reserved == promised - taken)
            pool.endReservation()
            held.shuffle(using: &random)
            for _ in 0..<Int.random(in: 0...held.count, using: &random) { pool.release(held.removeLast()) }
        }
        #expect(pool.ledger.peak <= budget)
        for page in held { pool.release(page) }
    }

    @Test func beyondTheBudgetNothingIsGiven() throws {
        let one = KVPagePool(layout: Self.layout, budget: nil).missingBytes(pages: 1)
        var exact = KVPagePool(layout: Self.layout, budget: one)
        try exact.reserve(pages: 1, otherBytes: 0)
        let page = try exact.allocate()
        #expect(exact.ledger.allocated == one && exact.ledger.available == 0)
        #expect(throws: CacheError(neededBytes: one, availableBytes: 0, budgetBytes: one)) {
            try exact.reserve(pages: 1, otherBytes: 0)
        }
        #expect(throws: CacheError.self) { _ = try exact.allocate() }
        #expect(throws: CacheError(neededBytes: 1, availableBytes: 0, budgetBytes: one)) {
            try exact.reserve(pages: 0, otherBytes: 1)
        }
        exact.release(page)
        var short = KVPagePool(layout: Self.layout, budget: one - 1)
        #expect(throws: CacheError(neededBytes: one, availableBytes: one - 1, budgetBytes: one - 1)) {
            try short.reserve(pages: 1, otherBytes: 0)
        }
        #expect(short.ledger.allocated == 0)
    }

    @Test func emptySlabsGoBackButOne() throws {
        var pool = KVPagePool(layout: Self.layout, budget: nil)
        var pages: [Int32] = []
        for _ in 0..<2000 { pages.append(try pool.allocate()) }
        let full = pool.slabBytes
        for page in pages.reversed() { pool.release(page) }
        #expect(pool.slabBytes < full / 32)
        #expect(pool.freePages > 0)
        try pool.checkInvariants(references: [:])
    }
}
