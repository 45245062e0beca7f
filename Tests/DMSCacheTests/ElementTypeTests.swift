import DMSCache
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

/// Narrow element types stay near FP32, and their scales follow their tokens from staging to ring to pages.
@Suite struct ElementTypeTests {
    /// Error bounds for values of -2 ..< 2, relative to the largest output: half a unit of BF16 (2⁻⁹) and INT8
    /// (1/254) and of FP8 (2⁻⁴) in keys and values, with a factor for the softmax of scores up to about 10.
    @Test(arguments: [(ScalarType.bfloat16, 0.02), (.int8, 0.04), (.float8, 0.15)])
    func staysNearFP32(_ type: ScalarType, _ tolerance: Double) throws {
        let shape = AttentionShape(queryHeads: 4, keyValueHeads: 2, headDimension: 16)
        var script = Script(shape, count: 80, seed: 9)
        // Rows of very different sizes: a scale that stays with the wrong token shows.
        for layer in 0..<script.layers {
            for token in 0..<script.count {
                let size = Float([1, 0.1, 0.01][token % 3])
                script.keys[layer][token] = script.keys[layer][token].map { $0 * size }
                script.values[layer][token] = script.values[layer][token].map { $0 * size }
            }
        }
        for shift in 0...1 {
            let retention = try retention(window: 6, shift: shift)
            let expected = script.strictMask(rule: retention.rule, assembly: retention.assembly)
            for pieces in [[80], Array(repeating: 1, count: 80), [33, 1, 1, 1, 44]] {
                let configuration = CacheConfiguration.checked(kvType: type, slotsPerPage: 4, rowsPerBlock: 16)
                let cache = try cache(script, retention, configuration)
                let player = Player([0: script])
                try player.play(pieces: pieces, cache)
                let error = relativeError(player.outputs[0] ?? [], expected)
                #expect(error < tolerance)
                #expect(error > 1e-5, "as good as FP32 means that nothing was narrowed")
                try cache.checkInvariants()
            }
        }
    }

    /// Prefill and decode store the same bytes, so the state does not depend on the pieces.
    @Test(arguments: [ScalarType.float32, .bfloat16, .int8, .float8])
    func whatIsStoredDoesNotDependOnPieces(_ type: ScalarType) throws {
        let script = Script(AttentionShape(queryHeads: 2, keyValueHeads: 2, headDimension: 8), count: 50, seed: 10)
        let retention = try retention(window: 6, shift: 1)
        var first: [[[Float]]]?
        for pieces in [[50], Array(repeating: 1, count: 50), [9, 1, 1, 20, 19]] {
            let cache = try cache(
                script, retention, CacheConfiguration.checked(kvType: type, slotsPerPage: 4, rowsPerBlock: 7))
            try Player([0: script]).play(pieces: pieces, cache)
            let stored = (0..<2).flatMap { head in
                let tokens = cache.storedTokens(layer: 1, head: head, sequence: 0)
                return [tokens.keys, tokens.values]
            }
            #expect(stored == first ?? stored)
            first = stored
        }
    }
}
