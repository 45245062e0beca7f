import DMSCache
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

/// Bytes: bounds, reports and what is left over.
@Suite struct MemoryTests {
    static let shape = AttentionShape(queryHeads: 4, keyValueHeads: 2, headDimension: 8)

    /// One head keeps everything, its neighbour nothing.
    @Test func unequalHeads() throws {
        let script = Script(Self.shape, layers: 2, count: 300, seed: 4) { _, head, _, _ in head == 1 }
        let retention = try retention(window: 7)
        let cache = try cache(script, retention)
        let player = Player([0: script])
        try player.play(pieces: [100, 1, 1, 98, 100], cache)
        for layer in 0..<2 {
            #expect(cache.liveTokens(layer: layer, head: 0, sequence: 0) == 300)
            #expect(cache.liveTokens(layer: layer, head: 1, sequence: 0) == 8)
        }
        #expect(cache.report().pagesInUse == 2 * (75 + 2))
        try cache.checkInvariants()
        let expected = script.strictMask(rule: retention.rule, assembly: retention.assembly)
        #expect(relativeError(player.outputs[0] ?? [], expected) < CompactAttentionTests.tolerance)
    }

    @Test(arguments: [ScalarType.float32, .bfloat16, .float8, .int8])
    func reportsEqualARecount(_ type: ScalarType) throws {
        let script = Script(Self.shape, count: 90, seed: 5)
        let configuration = CacheConfiguration.checked(
            kvType: type, slotsPerPage: 8, budgetBytes: 1 << 20, rowsPerBlock: 16)
        let cache = try cache(script, try retention(window: 10, shift: 1), configuration)
        try Player([0: script]).play(pieces: [40, 1, 1, 48], cache)
        try Player([3: script]).play(3, pieces: [33], cache)
        let report = cache.report()
        let perToken = 2 * 8 * type.byteCount + (type.isScaled ? 8 : 0)
        var live = 0
        var pages = 0
        for sequence in [0, 3] {
            for layer in 0..<2 {
                for head in 0..<2 {
                    let stored = cache.storedTokens(layer: layer, head: head, sequence: sequence).keys.count
                    live += stored
                    pages += (stored + 7) / 8
                }
            }
        }
        #expect(report.bytesPerToken == perToken)
        #expect(report.liveTokenHeads == live && report.liveBytes == live * perToken)
        #expect(report.pagesInUse == pages)
        #expect(report.seenTokenHeads == 4 * 123 && report.denseBytes == 4 * 123 * perToken)
        #expect(report.ringBytes == 4 * 22 * perToken)
        #expect(report.pageSlackBytes == pages * report.pageBytes - report.liveBytes)
        #expect(report.slabBytes == report.liveBytes + report.pageSlackBytes + report.slabSlackBytes)
        #expect(report.allocatedBytes == report.slabBytes + report.tableBytes + report.stagingBytes)
        #expect(report.peakAllocatedBytes >= report.allocatedBytes)
        #expect(report.budgetBytes == 1 << 20)
        #expect(report.ratios.byteRatio == Double(report.denseBytes) / Double(report.allocatedBytes))
        let ratio = try #require(cache.usage(of: 0)?.ratios.finalLiveRatio)
        #expect(ratio == Double(4 * 90) / Double(report.sequences[0]?.liveTokenHeads ?? 0))
    }

    /// A pass is begun when its worst case fits the budget to the byte, and refused for one byte less.
    @Test(arguments: [([30], 0), ([30, 30], 0), ([20, 1, 1, 1, 40], 1), ([7, 7, 7, 7, 7, 7, 7, 7, 7], 1)])
    func budgetsHoldToTheByte(_ pieces: [Int], _ shift: Int) throws {
        // Everything is kept: the worst case comes true.
        let script = Script(Self.shape, count: 70, rate: 0, seed: 6)
        let retention = try retention(window: 5, shift: shift)
        let free = try cache(script, retention)
        let rehearsal = Player([0: script])
        var needed = 0
        for piece in pieces {
            let start = rehearsal.positions[0] ?? 0
            let batch = ForwardBatch(tokens: Array(repeating: Int32(0), count: piece), firstPosition: start)
            needed = max(needed, free.report().allocatedBytes + free.worstCaseBytes(for: batch))
            try rehearsal.play(pieces: [piece], free)
        }
        func bounded(_ budget: Int) throws -> CompactAttention {
            try cache(
                script, retention, CacheConfiguration.checked(slotsPerPage: 4, budgetBytes: budget, rowsPerBlock: 5))
        }
        let enough = try bounded(needed)
        let player = Player([0: script])
        try player.play(pieces: pieces, enough)
        #expect(player.outputs[0] == rehearsal.outputs[0])
        #expect(enough.report().peakAllocatedBytes <= needed)
        #expect(enough.availableBytes == needed - enough.report().allocatedBytes)
        try enough.checkInvariants()

        let end = free.report()
        let budget = end.pagesInUse * end.pageBytes / 2 + end.tableBytes + end.stagingBytes
        let small = try bounded(budget)
        let refused = Player([0: script])
        var refusal: CacheError?
        for piece in pieces where refusal == nil {
            let before = small.report()
            do {
                try refused.play(pieces: [piece], small)
            } catch let error as CacheError {
                refusal = error
                #expect(small.report() == before)
                #expect(error.availableBytes == error.budgetBytes - before.allocatedBytes)
                #expect(error.neededBytes > error.availableBytes)
            }
            #expect(small.report().peakAllocatedBytes <= budget)
        }
        #expect(refusal != nil)
        try small.checkInvariants()
    }

    @Test func aFirstPassIsRefusedForOneByte() throws {
        let script = Script(Self.shape, count: 40, rate: 0, seed: 7)
        let batch = ForwardBatch(tokens: Array(repeating: Int32(0), count: 40), firstPosition: 0)
        let retention = try retention(window: 5)
        let needed = try cache(script, retention).worstCaseBytes(for: batch)
        for (budget, fits) in [(needed, true), (needed - 1, false)] {
            let cache = try cache(
                script, retention, CacheConfiguration.checked(slotsPerPage: 4, budgetBytes: budget, rowsPerBlock: 5))
            if fits {
                try cache.begin(batch)
                #expect(cache.report().allocatedBytes <= budget)
            } else {
                let refusal = CacheError(neededBytes: needed, availableBytes: budget, budgetBytes: budget)
                #expect(throws: refusal) { try cache.begin(batch) }
                #expect(cache.report().allocatedBytes == 0 && cache.report().sequences.isEmpty)
            }
        }
    }

    /// 4,096 tokens, 7 of 8 evicted: what is allocated is what is alive, the documented slack, and 3 percent.
    @Test(arguments: [ScalarType.bfloat16, .int8])
    func longRunsStaySmall(_ type: ScalarType) throws {
        let shape = AttentionShape(queryHeads: 4, keyValueHeads: 4, headDimension: 64)
        let script = Script(shape, layers: 1, count: 512, rate: 0.875, seed: 8)
        let configuration = CacheConfiguration.checked(kvType: type)
        let cache = try cache(script, try retention(window: 128), configuration)
        // The same 512 tokens again and again: positions and decisions go on.
        for pass in 0..<8 {
            let player = Player([0: script], looping: pass * 512)
            try player.play(pieces: pass == 3 ? Array(repeating: 1, count: 512) : [512], cache)
            let report = cache.report()
            let pageSlack = 4 * report.pageBytes
            #expect(report.pageSlackBytes < pageSlack)
            #expect(report.slabSlackBytes <= max(64 << 10, report.slabBytes / 32))
            #expect(report.tableBytes < report.liveBytes * 3 / 100)
        }
        let report = cache.report()
        #expect(report.seenTokenHeads == 4 * 4096)
        #expect((4 * 500...4 * 800).contains(report.liveTokenHeads))
        let slack = report.pageSlackBytes + report.slabSlackBytes + report.stagingBytes
        #expect(report.allocatedBytes - slack <= report.liveBytes * 103 / 100)
        // Prefill in passes of 512 tokens never needed more than one slab beyond the end's state.
        #expect(report.peakAllocatedBytes <= report.allocatedBytes + (64 << 10))
        try cache.checkInvariants()
    }
}
