import DMSCache
import DMSCheckpoint
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

/// Tokens that share a pass and arrive one after another, and what the cache says of a pass before it runs.
@Suite struct RowByRowTests {
    /// Logits of every token, bit by bit, however tokens behind the prompt are grouped into passes.
    @Test(arguments: ModelTests.cases, [ScalarType.float32, .int8])
    func equalsDecodeToTheBit(_ test: ModelTests.Case, _ type: ScalarType) throws {
        let model = try ModelTests.model(test, seed: 4)
        var random = SeededGenerator(seed: UInt64(test.window))
        let tokens = (0..<50).map { _ in Int32.random(in: 0..<97, using: &random) }
        let prompt = 17
        func run(_ pieces: [Int], beside other: Int) throws -> [[Float]] {
            let cache = CompactAttention(
                serving: model,
                configuration: CacheConfiguration.checked(kvType: type, slotsPerPage: 4, rowsPerBlock: 8))
            let workspace = try ForwardWorkspace(model.configuration, maximumRows: 120)
            let output = try Tensor(rows: 120, columns: model.configuration.vocabularySize)
            var rows: [[Float]] = []
            var start = 0
            for count in pieces {
                var batch = ForwardBatch()
                // A neighbour that does the same some tokens at a time, and one that prefills.
                if other > 0 {
                    let known = cache.tokenCount(of: 1)
                    batch.append(
                        sequence: 1, tokens: tokens[0..<other], firstPosition: known, rowByRow: true)
                    batch.append(
                        sequence: 2, tokens: tokens[0..<other + 1], firstPosition: cache.tokenCount(of: 2))
                }
                let first = batch.rowCount
                batch.append(
                    sequence: 0, tokens: tokens[start..<start + count], firstPosition: start,
                    rowByRow: start >= prompt)
                let hidden = try model.forward(
                    batch, attention: cache, eviction: .forced(ModelTests.RandomSource(seed: 9)), workspace: workspace)
                model.logits(hidden, into: output.view.first(batch.rowCount))
                rows += (first..<first + count).map { Array(output.view.row($0)) }
                start += count
            }
            try cache.checkInvariants()
            return rows
        }
        let expected = try run([prompt] + Array(repeating: 1, count: 33), beside: 0)
        for (pieces, other) in [([17, 33], 0), ([17, 5, 1, 27], 3), ([17, 32, 1], 7)] {
            #expect(try run(pieces, beside: other) == expected)
        }
    }

    /// What `fits` promises holds: the pass can begin once the others are removed, whatever came before.
    @Test(arguments: 0..<40 as Range<UInt64>)
    func promisesHold(seed: UInt64) throws {
        let shape = AttentionShape(queryHeads: 2, keyValueHeads: 2, headDimension: [4, 8, 10][Int(seed % 3)])
        let script = Script(shape, count: 80, rate: seed % 2 == 0 ? 0 : 0.5, seed: seed)
        var random = SeededGenerator(seed: seed)
        let budget = Int.random(in: 40_000...140_000, using: &random)
        let cache = try cache(
            script, try retention(window: 5),
            CacheConfiguration.checked(slotsPerPage: 4, budgetBytes: budget, rowsPerBlock: 4))
        let player = Player(Dictionary(uniqueKeysWithValues: (0..<6).map { ($0, script) }))
        var promises = 0
        for _ in 0..<60 {
            let sequence = Int.random(in: 0..<6, using: &random)
            let start = player.positions[sequence] ?? 0
            let count = min(Int.random(in: 1...20, using: &random), 80 - start)
            if count == 0 {
                cache.remove(sequence)
                player.positions[sequence] = 0
                continue
            }
            let span = ForwardBatch.Span(sequence: sequence, rows: 0..<count, firstPosition: start)
            let batch = ForwardBatch(
                sequence: sequence, tokens: Array(repeating: Int32(0), count: count), firstPosition: start)
            #expect(cache.fits([span]) == (cache.worstCaseBytes(for: batch) <= cache.availableBytes))
            let removed = Set((0..<6).filter { $0 != sequence && Int.random(in: 0..<4, using: &random) == 0 })
            guard cache.fits([span], removing: removed) else { continue }
            promises += 1
            for other in removed {
                cache.remove(other)
                player.positions[other] = 0
            }
            try player.pass([(sequence, count)], cache)
            try cache.checkInvariants()
        }
        #expect(promises > 10)
    }

    /// A sequence that keeps everything fits the bound that was named for it, token by token or in one piece.
    @Test(arguments: [ScalarType.float32, .bfloat16, .int8], [4, 10, 64])
    func boundsSuffice(_ type: ScalarType, _ dimension: Int) throws {
        let shape = AttentionShape(queryHeads: 2, keyValueHeads: 2, headDimension: dimension)
        let script = Script(shape, count: 150, rate: 0, seed: 3)
        for slots in [1, 4, 32] {
            let retention = try retention(window: 6)
            let free = CacheConfiguration.checked(kvType: type, slotsPerPage: slots, rowsPerBlock: 8)
            let bound = SequenceBound(
                shape: shape, layerCount: script.layers, configuration: free, retention: retention)
            for tokens in [1, 9, 150] {
                var bounded = free
                bounded.budgetBytes = bound.worstCaseBytes(tokens: tokens)
                #expect(bound.leastBytes(tokens: tokens) <= bound.worstCaseBytes(tokens: tokens))
                for pieces in [[tokens], Array(repeating: 1, count: tokens)] {
                    let cache = try cache(script, retention, bounded)
                    try Player([0: script]).play(pieces: pieces, cache)
                    #expect(cache.tokenCount(of: 0) == tokens)
                }
            }
        }
    }
}
