import DMSCache
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

/// Sequences that begin where others stand, as a part of a pass; and what removing sequences together frees.
@Suite struct StartTests {
    static let shape = SequenceTests.shape

    @Test(arguments: [(0, 0), (3, 1), (9, 0), (1000, 1), (-1, 0)])
    func startsContinueAsIfAlone(_ window: Int, _ shift: Int) throws {
        let retention = window < 0 ? nil : try retention(window: window, shift: shift)
        var random = SeededGenerator(seed: UInt64(500 + window))
        for trial in 0..<6 as Range<UInt64> {
            let prefix = Int.random(in: 1..<40, using: &random)
            let trunk = Script(Self.shape, count: 60, seed: 700 + trial)
            let branch = SequenceTests.branch(trunk, at: prefix, seed: 800 + trial)
            let pieces = [prefix] + randomPieces(60 - prefix, &random)
            let alone = Player([1: branch])
            try alone.play(1, pieces: pieces, try cache(branch, retention))

            let shared = try cache(trunk, retention)
            try Player([0: trunk]).play(pieces: [prefix], shared)
            shared.start(1, from: .copy(of: 0))
            let player = Player([0: trunk, 1: branch], positions: [0: prefix, 1: prefix])
            // The source goes on in the very pass in which the copy begins.
            try player.pass([(0, 1), (1, pieces[1])], shared)
            try shared.checkInvariants()
            shared.remove(0)
            try player.play(1, pieces: Array(pieces[2...]), shared)
            try shared.checkInvariants()
            #expect(player.outputs[1] == alone.outputs[1]?.map { Array($0[prefix...]) })
        }
    }

    /// A pass with a start fits exactly when it is begun, and is begun as a whole or not at all.
    @Test(arguments: [0, 1]) func startsFitOrAreRefused(_ shift: Int) throws {
        let retention = try retention(window: 6, shift: shift)
        var random = SeededGenerator(seed: UInt64(91 + shift))
        var refused = 0
        var begun = 0
        for trial in 0..<60 as Range<UInt64> {
            let script = Script(Self.shape, count: 80, rate: Float.random(in: 0...0.8, using: &random), seed: trial)
            let budget = 60_000 + Int.random(in: 0..<60_000, using: &random)
            let cache = try cache(
                script, retention, CacheConfiguration.checked(slotsPerPage: 4, budgetBytes: budget, rowsPerBlock: 5))
            try Player([0: script]).play(pieces: [40], cache)
            let player = Player([0: script], positions: [0: 40])
            for name in 1..<40 {
                let rows = Int.random(in: 1...30, using: &random)
                var batch = ForwardBatch()
                batch.append(sequence: name, tokens: Array(repeating: Int32(0), count: rows), firstPosition: 40)
                let fits = cache.fits(batch.spans, starting: [name: .copy(of: 0)])
                let before = cache.report()
                cache.start(name, from: .copy(of: 0))
                if fits {
                    let copy = Player([name: script], positions: [name: 40])
                    try copy.pass([(name, rows)], cache)
                    begun += 1
                } else {
                    #expect(throws: CacheError.self) { try cache.begin(batch) }
                    #expect(cache.report() == before)
                    refused += 1
                }
                try cache.checkInvariants()
            }
            if cache.fits([.init(sequence: 0, rows: 0..<1, firstPosition: 40)]) { try player.pass([(0, 1)], cache) }
            #expect(cache.report().peakAllocatedBytes <= budget)
        }
        #expect(refused > 100 && begun > 100)
    }

    @Test func startsThatCannotBe() throws {
        let script = Script(Self.shape, count: 30, seed: 3)
        let cache = try cache(script, try retention(window: 4))
        try Player([0: script]).play(pieces: [10], cache)
        func begin(_ name: Int, at position: Int) throws {
            try cache.begin(ForwardBatch(sequence: name, tokens: [Int32(0)], firstPosition: position))
        }
        cache.start(1, from: .copy(of: 7))
        #expect(throws: ModelError("sequence 7 is not in the cache")) { try begin(1, at: 10) }
        cache.start(0, from: .copy(of: 0))
        #expect(throws: ModelError("sequence 0 is in the cache already")) { try begin(0, at: 10) }
        cache.start(1, from: .copy(of: 0))
        #expect(throws: ModelError("sequence 1 holds 10 tokens, not 9")) { try begin(1, at: 9) }
        // What was asked for a pass that was not begun is forgotten.
        #expect(throws: ModelError("sequence 1 holds 0 tokens, not 10")) { try begin(1, at: 10) }
        try cache.checkInvariants()
        #expect(cache.report().sequences.keys.sorted() == [0])
    }

    /// What is said to be freed is what removal frees, shared pages included.
    @Test(arguments: [2, 50]) func freedTogether(_ window: Int) throws {
        var random = SeededGenerator(seed: UInt64(window))
        for trial in 0..<40 as Range<UInt64> {
            let script = Script(Self.shape, count: 90, rate: 0.3, seed: 40 + trial)
            let cache = try cache(script, try retention(window: window))
            let names = Array(0..<6)
            var positions = [0: 0]
            for name in names {
                let source = name == 0 ? nil : Int.random(in: 0..<name, using: &random)
                if let source {
                    try cache.fork(source, as: name)
                    positions[name] = positions[source]
                }
                let rows = Int.random(in: 1...12, using: &random)
                try Player([name: script], positions: positions).play(name, pieces: [rows], cache)
                positions[name, default: 0] += rows
            }
            let removed = Set(names.filter { _ in Bool.random(using: &random) })
            let freed = cache.memoryFreed(byRemoving: removed.union([99]))
            let before = cache.report()
            for name in removed { cache.remove(name) }
            let after = cache.report()
            #expect(freed.pages == before.pagesInUse - after.pagesInUse)
            #expect(freed.tableBytes == before.tableBytes - after.tableBytes)
        }
    }
}
