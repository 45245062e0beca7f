import DMSCache
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

/// The compact operator against FP64 loops that know the rule only.
///
/// Tolerance: 2e-5 of the largest output. Both sides read the same FP32 keys and values, so what is left is the
/// rounding of FP32 sums over at most 200 keys and of the exponential.
@Suite struct CompactAttentionTests {
    static let tolerance = 2e-5

    struct Case: Sendable, CustomStringConvertible {
        var window: Int
        var shift: Int
        var group: Int
        var description: String { "window \(window), shift \(shift), group \(group)" }
    }

    static let cases: [Case] = [0, 1, 3, 7, 16, 40, 41, RetentionRule.largestWindow].flatMap { window in
        [0, 1].flatMap { shift in
            [1, 3, 4, 8].map { Case(window: window, shift: shift, group: $0) }
        }
    }

    @Test(arguments: cases)
    func equalsTheStrictMask(_ test: Case) throws {
        var random = SeededGenerator(seed: UInt64(test.window * 100 + test.shift * 10 + test.group))
        let shape = AttentionShape(queryHeads: 2 * test.group, keyValueHeads: 2, headDimension: 8)
        let count = 41
        let script = Script(
            shape, count: count, rate: Float.random(in: 0.3..<0.95, using: &random), seed: random.next())
        let retention = try retention(window: test.window, shift: test.shift)
        let expected = script.strictMask(rule: retention.rule, assembly: retention.assembly)
        for _ in 0..<4 {
            let configuration = CacheConfiguration.checked(
                slotsPerPage: [1, 2, 4, 16, 64].randomElement(using: &random) ?? 1,
                rowsPerBlock: [1, 2, 5, 16, 64].randomElement(using: &random) ?? 1)
            let cache = try cache(script, retention, configuration)
            let player = Player([0: script])
            try player.play(pieces: randomPieces(count, &random), cache)
            #expect(relativeError(player.outputs[0] ?? [], expected) < Self.tolerance)
            try cache.checkInvariants()
        }
    }

    @Test(arguments: [(0, 0), (3, 0), (3, 1), (7, 1), (100, 0)])
    func everyChunkSize(_ window: Int, _ shift: Int) throws {
        let count = 26
        let script = Script(
            AttentionShape(queryHeads: 6, keyValueHeads: 2, headDimension: 6), count: count, seed: 77)
        let retention = try retention(window: window, shift: shift)
        let expected = script.strictMask(rule: retention.rule, assembly: retention.assembly)
        for chunk in 1...count {
            for rowsPerBlock in [3, 64] {
                let cache = try cache(
                    script, retention, CacheConfiguration.checked(slotsPerPage: 4, rowsPerBlock: rowsPerBlock))
                let player = Player([0: script])
                var pieces = Array(repeating: chunk, count: count / chunk)
                if count % chunk > 0 { pieces.append(count % chunk) }
                try player.play(pieces: pieces, cache)
                #expect(relativeError(player.outputs[0] ?? [], expected) < Self.tolerance, "chunks of \(chunk)")
            }
        }
    }

    @Test func withoutARuleItIsDense() throws {
        let script = Script(AttentionShape(queryHeads: 4, keyValueHeads: 2, headDimension: 8), count: 30, seed: 5)
        let assembly = try DecisionAssembly(shift: 0)
        let expected = script.strictMask(rule: nil, assembly: assembly)
        for pieces in [[30], Array(repeating: 1, count: 30), [7, 1, 1, 13, 8]] {
            let cache = try cache(script, nil)
            let player = Player([0: script])
            try player.play(pieces: pieces, cache)
            #expect(relativeError(player.outputs[0] ?? [], expected) < Self.tolerance)
            #expect(cache.report().liveTokenHeads == 30 * 4)
            try cache.checkInvariants()
        }
    }

    @Test func withoutDecisionsNothingIsEvicted() throws {
        let script = Script(AttentionShape(queryHeads: 4, keyValueHeads: 2, headDimension: 8), count: 30, seed: 6)
        let retention = try retention(window: 3)
        let expected = script.strictMask(rule: nil, assembly: retention.assembly)
        let cache = try cache(script, retention)
        let player = Player([0: script], usesDecisions: false)
        try player.play(pieces: [12, 1, 1, 1, 9, 6], cache)
        #expect(relativeError(player.outputs[0] ?? [], expected) < Self.tolerance)
        #expect(cache.report().tally.decisions == 0)
    }

    /// Rows of one pass do not touch each other: decode has the same bits alone and beside others.
    @Test func mixedBatchesDecodeAsIfAlone() throws {
        let shape = AttentionShape(queryHeads: 8, keyValueHeads: 2, headDimension: 16)
        let lengths = [0: 9, 1: 30, 2: 17, 3: 1]
        let total = 45
        var scripts: [Int: Script] = [:]
        for sequence in lengths.keys {
            scripts[sequence] = Script(shape, count: total, seed: UInt64(40 + sequence))
        }
        let retention = try retention(window: 5, shift: 1)
        var alone: [Int: [[[Float]]]] = [:]
        for (sequence, script) in scripts {
            let player = Player([sequence: script])
            let length = lengths[sequence] ?? 0
            let cache = try cache(script, retention)
            try player.play(sequence, pieces: [length] + Array(repeating: 1, count: total - length), cache)
            alone[sequence] = player.outputs[sequence]
        }
        let shared = try cache(scripts[0] ?? Script(shape, count: 1, seed: 0), retention, threads: 3)
        let player = Player(scripts)
        // Prefill of one beside decode of others, then all together, leaving as they finish.
        try player.pass([(0, 9)], shared)
        try player.pass([(0, 1), (1, 30)], shared)
        try player.pass([(2, 17), (0, 1), (3, 1), (1, 1)], shared)
        while true {
            let parts = [3, 0, 2, 1].filter { (player.positions[$0] ?? 0) < total }.map { ($0, 1) }
            if parts.isEmpty { break }
            try player.pass(parts, shared)
            try shared.checkInvariants()
        }
        for sequence in lengths.keys { #expect(player.outputs[sequence] == alone[sequence], "sequence \(sequence)") }
    }

    @Test func spansMustContinueTheirSequence() throws {
        let script = Script(AttentionShape(queryHeads: 2, keyValueHeads: 1, headDimension: 4), count: 8, seed: 1)
        let cache = try cache(script, try retention(window: 2))
        try Player([0: script]).play(pieces: [4], cache)
        #expect(throws: ModelError("sequence 0 holds 4 tokens, not 3")) {
            try cache.begin(ForwardBatch(tokens: [0], firstPosition: 3))
        }
        #expect(throws: ModelError.self) { try cache.begin(ForwardBatch(sequence: 9, tokens: [0], firstPosition: 1)) }
        #expect(cache.tokenCount(of: 0) == 4)
        #expect(cache.tokenCount(of: 9) == 0)
    }
}
