import DMSCache
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

/// Sequences that come, go, and are forked.
@Suite struct SequenceTests {
    static let shape = AttentionShape(queryHeads: 4, keyValueHeads: 2, headDimension: 8)

    /// A copy of a script whose tokens from `start` on are another's.
    static func branch(_ script: Script, at start: Int, seed: UInt64) -> Script {
        var branch = script
        let other = Script(script.shape, layers: script.layers, count: script.count, seed: seed)
        for layer in 0..<script.layers {
            for token in start..<script.count {
                branch.queries[layer][token] = other.queries[layer][token]
                branch.keys[layer][token] = other.keys[layer][token]
                branch.values[layer][token] = other.values[layer][token]
                branch.decisions[layer][token] = other.decisions[layer][token]
            }
        }
        return branch
    }

    @Test(arguments: [(0, 0), (3, 0), (3, 1), (9, 1), (1000, 0), (-1, 0)])
    func forksContinueAsIfAlone(_ window: Int, _ shift: Int) throws {
        let retention = window < 0 ? nil : try retention(window: window, shift: shift)
        var random = SeededGenerator(seed: UInt64(50 + window))
        for trial in 0..<6 as Range<UInt64> {
            let count = 60
            let prefix = Int.random(in: 1..<50, using: &random)
            let trunk = Script(Self.shape, count: count, seed: 100 + trial)
            let scripts = [
                0: trunk, 1: Self.branch(trunk, at: prefix, seed: 200 + trial),
                2: Self.branch(trunk, at: prefix, seed: 300 + trial),
            ]
            var alone: [Int: [[[Float]]]] = [:]
            for (sequence, script) in scripts {
                let player = Player([sequence: script])
                let cache = try cache(script, retention)
                let pieces = [prefix] + Array(repeating: 1, count: count - prefix)
                try player.play(sequence, pieces: pieces, cache)
                alone[sequence] = player.outputs[sequence]?.map { Array($0[prefix...]) }
            }
            let shared = try cache(trunk, retention)
            try Player([0: trunk]).play(pieces: [prefix], shared)
            let pagesBefore = shared.report().pagesInUse
            try shared.fork(0, as: 1)
            try shared.fork(0, as: 2)
            try shared.checkInvariants()
            let forked = shared.report()
            #expect(forked.sequences[1]?.liveTokenHeads == forked.sequences[0]?.liveTokenHeads)
            if window == 0, prefix > 40 { #expect(forked.pagesInUse < 3 * pagesBefore) }
            let player = Player(scripts, positions: [0: prefix, 1: prefix, 2: prefix])
            var order = [0, 1, 2]
            for _ in prefix..<count {
                order.shuffle(using: &random)
                try player.pass(order.map { ($0, 1) }, shared)
                try shared.checkInvariants()
            }
            for sequence in 0..<3 { #expect(player.outputs[sequence] == alone[sequence], "sequence \(sequence)") }
            // The trunk may go first: what is shared lives on.
            for sequence in order {
                shared.remove(sequence)
                try shared.checkInvariants()
            }
            #expect(shared.report().pagesInUse == 0)
        }
    }

    @Test func sharedPagesAreCountedOnce() throws {
        let script = Script(Self.shape, count: 100, rate: 0, seed: 1)
        let cache = try cache(script, try retention(window: 3))
        try Player([0: script]).play(pieces: [100], cache)
        try cache.fork(0, as: 1)
        let report = cache.report()
        // Of 25 pages per stream, the ring's one is copied; the last, being full, is shared.
        #expect(report.pagesInUse == 4 * (25 + 1))
        #expect(report.liveTokenHeads == 2 * 400)
        #expect(report.liveBytes == 4 * (100 + 4) * report.bytesPerToken)
        #expect(report.pageSlackBytes == report.pagesInUse * report.pageBytes - report.liveBytes)
        cache.remove(0)
        try cache.checkInvariants()
        #expect(cache.report().pagesInUse == 4 * 25)
    }

    @Test func forksAreRefused() throws {
        let script = Script(Self.shape, count: 40, seed: 2)
        let cache = try cache(script, try retention(window: 100))
        try Player([0: script]).play(pieces: [40], cache)
        #expect(throws: ModelError("sequence 7 is not in the cache")) { try cache.fork(7, as: 8) }
        #expect(throws: ModelError("sequence 0 is in the cache already")) { try cache.fork(0, as: 0) }
        let exact = CacheConfiguration.checked(
            slotsPerPage: 4, budgetBytes: cache.report().peakAllocatedBytes + 2000, rowsPerBlock: 5)
        let bounded = try DMSCacheTests.cache(script, try retention(window: 100), exact)
        try Player([0: script]).play(pieces: [40], bounded)
        let before = bounded.report()
        // The first fork's pages still find room in the slab; its tables, or the next fork's, do not.
        var copies = 1
        var refusal: CacheError?
        while refusal == nil, copies < 100 {
            do { try bounded.fork(0, as: copies) } catch { refusal = error as? CacheError }
            copies += 1
        }
        #expect(refusal?.budgetBytes == exact.budgetBytes)
        #expect(bounded.tokenCount(of: copies - 1) == 0)
        try bounded.checkInvariants()
        for copy in 1..<copies { bounded.remove(copy) }
        #expect(bounded.report().liveBytes == before.liveBytes)
    }

    @Test func removalReturnsEverything() throws {
        let script = Script(Self.shape, count: 50, seed: 3)
        let cache = try cache(script, try retention(window: 7))
        for sequence in 0..<5 { try Player([sequence: script]).play(sequence, pieces: [20, 30], cache) }
        for sequence in [3, 0, 4, 1] {
            cache.remove(sequence)
            try cache.checkInvariants()
            #expect(cache.tokenCount(of: sequence) == 0)
        }
        #expect(cache.report().sequences.keys.sorted() == [2])
        cache.removeAll()
        let report = cache.report()
        #expect(report.pagesInUse == 0 && report.slabBytes == 0 && report.tableBytes == 0)
        #expect(report.allocatedBytes == report.stagingBytes)
        // And the same number can begin anew.
        let player = Player([2: script])
        try player.play(2, pieces: [50], cache)
        #expect(cache.tokenCount(of: 2) == 50)
    }

    /// A pass that ends half-way leaves its sequences unusable and everything else as it was.
    @Test func unfinishedPassesMustBeRemoved() throws {
        let script = Script(Self.shape, count: 30, seed: 4)
        let cache = try cache(script, try retention(window: 4))
        let whole = Player([1: script])
        try whole.play(1, pieces: [20], cache)
        let player = Player([0: script])
        try player.play(pieces: [10], cache)
        #expect(throws: Interruption.self) {
            try player.play(pieces: [7], Interrupted(cache, layer: 1))
        }
        try cache.checkInvariants()
        let message = "sequence 0: its last pass did not finish"
        #expect(throws: ModelError(message + "; remove it")) { try player.play(pieces: [7], cache) }
        #expect(throws: ModelError(message)) { try cache.fork(0, as: 2) }
        cache.remove(0)
        try cache.checkInvariants()
        let again = Player([0: script, 1: script], positions: [1: 20])
        try again.pass([(0, 10), (1, 1)], cache)
        try again.pass([(1, 9), (0, 1)], cache)
        try cache.checkInvariants()
        let alone = Player([1: script])
        try alone.play(1, pieces: [20, 1, 9], try DMSCacheTests.cache(script, try retention(window: 4)))
        #expect(again.outputs[1] == alone.outputs[1]?.map { Array($0[20...]) })
    }
}

struct Interruption: Error {}

/// Passes on to a cache until a layer at which it throws.
final class Interrupted: AttentionOperator {
    private let cache: CompactAttention
    private let layer: Int

    init(_ cache: CompactAttention, layer: Int) {
        self.cache = cache
        self.layer = layer
    }

    func begin(_ batch: ForwardBatch) throws { try cache.begin(batch) }

    func attend(layer: Int, _ input: AttentionInput, into output: MatrixView) throws {
        if layer == self.layer { throw Interruption() }
        try cache.attend(layer: layer, input, into: output)
    }

    func finish(_ batch: ForwardBatch) { cache.finish(batch) }
}
