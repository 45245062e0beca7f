import DMSCache
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

/// Which tokens are stored, read back from the pages, against the oracle of the policy.
@Suite struct LiveSetTests {
    /// A script whose keys and values name their layer, head and position.
    static func script(count: Int, rate: Float, seed: UInt64) -> Script {
        let shape = AttentionShape(queryHeads: 3, keyValueHeads: 3, headDimension: 4)
        var script = Script(shape, count: count, rate: rate, seed: seed)
        for layer in 0..<script.layers {
            for token in 0..<count {
                script.keys[layer][token] = (0..<3).flatMap { [Float(token), Float(layer), Float($0), 1] }
                script.values[layer][token] = (0..<3).flatMap { [-Float(token), Float(layer), Float($0), 2] }
            }
        }
        return script
    }

    static func expectLiveSets(
        _ cache: CompactAttention, _ script: Script, after count: Int, sequence: Int = 0,
        _ retention: (rule: RetentionRule, assembly: DecisionAssembly)
    ) {
        var total = 0
        for layer in 0..<script.layers {
            for head in 0..<script.shape.keyValueHeads {
                let oracle = RetentionOracle(
                    rule: retention.rule, assembly: retention.assembly,
                    decisions: (0..<count).map { script.decisions[layer][$0][head] })
                let expected = oracle.storedKeys(after: count - 1)
                let stored = cache.storedTokens(layer: layer, head: head, sequence: sequence)
                #expect(stored.keys.map { Int($0[0]) }.sorted() == expected)
                #expect(stored.keys.allSatisfy { $0[1...] == [Float(layer), Float(head), 1] })
                #expect(stored.values.map { $0[0] } == stored.keys.map { -$0[0] })
                #expect(cache.liveTokens(layer: layer, head: head, sequence: sequence) == expected.count)
                total += expected.count
            }
        }
        #expect(cache.usage(of: sequence)?.liveTokenHeads == total)
    }

    @Test(arguments: [0, 1, 3, 7, 16, 1000, RetentionRule.largestWindow], [0, 1])
    func afterEveryToken(_ window: Int, _ shift: Int) throws {
        let count = 34
        let script = Self.script(count: count, rate: 0.7, seed: UInt64(window + shift))
        let retention = try retention(window: window, shift: shift)
        let cache = try cache(script, retention)
        let player = Player([0: script])
        for token in 0..<count {
            try player.play(pieces: [1], cache)
            Self.expectLiveSets(cache, script, after: token + 1, retention)
            try cache.checkInvariants()
        }
    }

    @Test(arguments: [0, 1, 3, 7, 16], [0, 1])
    func afterEveryChunk(_ window: Int, _ shift: Int) throws {
        let count = 60
        let script = Self.script(count: count, rate: 0.7, seed: UInt64(100 + window + shift))
        let retention = try retention(window: window, shift: shift)
        var random = SeededGenerator(seed: UInt64(window))
        for rowsPerBlock in [2, 8, 64] {
            let cache = try cache(
                script, retention, CacheConfiguration.checked(slotsPerPage: 8, rowsPerBlock: rowsPerBlock))
            let player = Player([0: script])
            for piece in randomPieces(count, &random) {
                try player.play(pieces: [piece], cache)
                Self.expectLiveSets(cache, script, after: player.positions[0] ?? 0, retention)
                try cache.checkInvariants()
            }
        }
    }

    /// The cache's tally is that of the policy, head by head and token by token, however the tokens are cut.
    @Test(arguments: [[40], [1, 1, 1, 30, 1, 6], Array(repeating: 1, count: 40)])
    func talliesAreThoseOfThePolicy(_ pieces: [Int]) throws {
        let script = Self.script(count: 40, rate: 0.8, seed: 3)
        let retention = try retention(window: 4, shift: 1)
        let cache = try cache(script, retention)
        try Player([0: script]).play(pieces: pieces, cache)
        var expected = CompressionTally()
        for layer in 0..<script.layers {
            for head in 0..<3 {
                expected.recordHead(
                    rule: retention.rule, assembly: retention.assembly,
                    decisions: script.decisions[layer].map { $0[head] })
            }
        }
        let tally = try #require(cache.usage(of: 0)?.tally)
        #expect(tally.decisions == expected.decisions && tally.evictions == expected.evictions)
        #expect(tally.seenOverSteps == expected.seenOverSteps)
        #expect(tally.storedOverSteps == expected.storedOverSteps)
        #expect(tally.ratios().finalLiveRatio == expected.ratios().finalLiveRatio)
        cache.removeAll()
        #expect(cache.report().tally.storedOverSteps == expected.storedOverSteps)
    }
}
