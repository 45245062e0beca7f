import DMSCache
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

/// The compact cache against the strict mask where heads are normalised before they are rotated, on random models, cuts and
/// pages.
@Suite struct HeadNormTests {
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func equalsTheStrictMask(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var checkpoint = TinyCheckpoint()
        checkpoint.isQwen3 = true
        checkpoint.seed = seed
        checkpoint.keyValueHeads = [1, 2, 4][Int(seed % 3)]
        checkpoint.heads = checkpoint.keyValueHeads * Int.random(in: 1...3, using: &random)
        // Not hidden_size / heads in any of them.
        checkpoint.headDimension = [6, 10, 16].randomElement(using: &random) ?? 6
        checkpoint.hidden = 40
        checkpoint.tiesEmbeddings = Bool.random(using: &random)
        let dms = try DMSConfiguration(
            source: .borrowedQueryChannel, channel: .last, decisionShift: Int.random(in: 0...1, using: &random),
            zeroing: ChannelZeroing.all.randomElement(using: &random) ?? .beforeRope,
            windowSize: Int.random(in: 0...9, using: &random), windowInclusive: true, alphaScale: 100, alphaOffset: 5)
        let model = try TinyModel.load(checkpoint, dms: dms)
        let tokens = (0..<48).map { _ in Int32.random(in: 0..<97, using: &random) }
        let gates: [EvictionControl] = [.model, .forced(ModelTests.RandomSource(seed: seed))]
        for eviction in gates {
            let strict = ModelTests.DecisionRecorder()
            let expected = try ModelTests.logits(
                model, tokens, pieces: [48], DenseAttention(strictMaskOf: model), eviction, strict)
            let largest = expected.joined().reduce(0) { max($0, abs($1)) }
            for pieces in [[48], Array(repeating: 1, count: 48), randomPieces(48, &random), randomPieces(48, &random)] {
                let configuration = CacheConfiguration(
                    slotsPerPage: [1, 4, 16].randomElement(using: &random) ?? 4,
                    rowsPerBlock: Int.random(in: 1...20, using: &random))
                let compact = ModelTests.DecisionRecorder()
                let cache = CompactAttention(serving: model, configuration: configuration)
                let found = try ModelTests.logits(model, tokens, pieces: pieces, cache, eviction, compact)
                #expect(compact.decisions == strict.decisions)
                #expect(maximumDifference(Array(found.joined()), Array(expected.joined())) < 1e-4 * largest)
                #expect(compact.decisions.values.joined().contains(1), "a gate that evicts nothing shows nothing")
                try cache.checkInvariants()
            }
        }
    }
}
