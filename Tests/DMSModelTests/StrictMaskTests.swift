import DMSCheckpoint
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

/// The strict mask of the dense operator against FP64 loops that know the rule only as the specification states it.
@Suite struct StrictMaskTests {
    struct Case: Sendable {
        var heads: Int
        var keyValueHeads: Int
        var window: Int
        var shift: Int
        var zeroing: ChannelZeroing
        var isQwen3 = false
        var isAdapter = false

        /// What the reference is told about the borrowed channel.
        var borrowed: ReferenceLlama.Borrowed? {
            isAdapter
                ? nil
                : ReferenceLlama.Borrowed(
                    channel: 7, zeroBeforeRope: zeroing.zeroesBeforeRope, zeroAfterRope: zeroing.zeroesAfterRope)
        }
    }

    static let cases: [Case] = [
        Case(heads: 6, keyValueHeads: 2, window: 3, shift: 0, zeroing: .beforeRope),
        Case(heads: 4, keyValueHeads: 4, window: 0, shift: 0, zeroing: .none),
        Case(heads: 8, keyValueHeads: 1, window: 5, shift: 1, zeroing: .beforeAndAfterRope),
        Case(heads: 6, keyValueHeads: 2, window: 0, shift: 1, zeroing: .beforeRope),
        Case(heads: 6, keyValueHeads: 2, window: 1000, shift: 0, zeroing: .beforeRope),
        Case(heads: 6, keyValueHeads: 2, window: 3, shift: 0, zeroing: .beforeRope, isQwen3: true),
        Case(heads: 8, keyValueHeads: 1, window: 5, shift: 1, zeroing: .beforeAndAfterRope, isQwen3: true),
        Case(heads: 6, keyValueHeads: 2, window: 3, shift: 1, zeroing: .none, isAdapter: true),
        Case(heads: 6, keyValueHeads: 2, window: 3, shift: 1, zeroing: .none, isQwen3: true, isAdapter: true),
        Case(heads: 8, keyValueHeads: 1, window: 0, shift: 1, zeroing: .none, isAdapter: true),
        Case(heads: 4, keyValueHeads: 4, window: 5, shift: 0, zeroing: .none, isAdapter: true),
    ]

    static func model(_ test: Case, threads: Int = 1) throws -> LlamaModel {
        let dms = try DMSConfiguration(
            source: test.isAdapter ? .adapter : .borrowedQueryChannel, channel: .last, decisionShift: test.shift,
            zeroing: test.zeroing,
            windowSize: test.window, windowInclusive: true, alphaScale: 100, alphaOffset: 5)
        var checkpoint = TinyCheckpoint()
        checkpoint.isQwen3 = test.isQwen3
        checkpoint.adapters = test.isAdapter
        checkpoint.layers = 3
        checkpoint.heads = test.heads
        checkpoint.keyValueHeads = test.keyValueHeads
        return try TinyModel.load(checkpoint, dms: dms, threads: threads)
    }

    @Test(arguments: cases)
    func equalsTheReference(_ test: Case) throws {
        let model = try Self.model(test)
        let tokens = randomTokens(40, vocabulary: 97, seed: 11)
        let expected = ReferenceLlama(model).forward(
            tokens, borrowed: test.borrowed, adapters: test.isAdapter
        ) { raw in
            { layer, head, key, query in
                guard key <= query else { return false }
                let decider = key + test.shift
                let evicted = decider <= query && raw[layer][decider][head] * 100 - 5 > 0
                return !evicted || query - key <= test.window
            }
        }
        let recorder = Recorder()
        let found = try logits(
            model, tokens, attention: DenseAttention(strictMaskOf: model), observer: recorder)
        #expect(maximumError(found, expected.logits) < 5e-5)
        let evicted = recorder.decisions.values.joined().joined().filter { $0 }.count
        #expect(evicted > 20, "a gate that evicts nothing shows nothing")
        for layer in 0..<3 {
            for (row, heads) in expected.raw[layer].enumerated() {
                #expect(recorder.decisions[layer]?[row] == heads.map { $0 * 100 - 5 > 0 })
            }
        }
    }

    @Test(arguments: cases)
    func doesNotDependOnPieces(_ test: Case) throws {
        let model = try Self.model(test)
        let tokens = randomTokens(40, vocabulary: 97, seed: 12)
        let whole = try logits(model, tokens, attention: DenseAttention(strictMaskOf: model))
        for seed in 0..<4 as Range<UInt64> {
            let pieces = seed == 0 ? Array(repeating: 1, count: 40) : randomPieces(40, seed: seed)
            let found = try logits(model, tokens, pieces: pieces, attention: DenseAttention(strictMaskOf: model))
            #expect(found == whole)
        }
    }

    @Test func offMeansNothingIsEvictedAndTheChannelIsStillSilenced() throws {
        let model = try Self.model(Self.cases[0])
        let tokens = randomTokens(30, vocabulary: 97, seed: 13)
        let found = try logits(
            model, tokens, attention: DenseAttention(strictMaskOf: model), eviction: .off)
        let borrowed = ReferenceLlama.Borrowed(channel: 7, zeroBeforeRope: true, zeroAfterRope: false)
        #expect(maximumError(found, ReferenceLlama(model).forward(tokens, borrowed: borrowed).logits) < 5e-5)
    }

    /// An adapter changes who sees whom and nothing else.
    @Test func anAdapterWithoutEvictionIsThePlainModel() throws {
        let test = try #require(Self.cases.first { $0.isAdapter })
        let model = try Self.model(test)
        let plain = try LlamaModel(
            configuration: model.configuration, weights: model.weights, dms: nil, precision: .fp32,
            kernels: model.kernels)
        let tokens = randomTokens(30, vocabulary: 97, seed: 15)
        let off = try logits(model, tokens, attention: DenseAttention(strictMaskOf: model), eviction: .off)
        #expect(try logits(plain, tokens, attention: DenseAttention(plain)) == off)
        #expect(try logits(model, tokens, attention: DenseAttention(strictMaskOf: model)) != off)
    }

    @Test func adaptersAreThereExactlyWhenTheyDecide() throws {
        let with = try Self.model(try #require(Self.cases.first { $0.isAdapter }))
        let without = try Self.model(Self.cases[0])
        for (weights, dms) in [(with.weights, without.dms), (without.weights, with.dms)] {
            let error = #expect(throws: ModelError.self) {
                try LlamaModel(
                    configuration: with.configuration, weights: weights, dms: dms, precision: .fp32,
                    kernels: with.kernels)
            }
            #expect(error?.description.contains("decision_source") == true)
        }
    }

    struct EveryThird: EvictionSource {
        func evicts(layer: Int, head: Int, position: Int) -> Bool { (position + layer + head) % 3 != 0 }
    }

    @Test func forcedDecisionsReplaceTheGate() throws {
        let model = try Self.model(Self.cases[0])
        let tokens = randomTokens(30, vocabulary: 97, seed: 14)
        let found = try logits(
            model, tokens, attention: DenseAttention(strictMaskOf: model), eviction: .forced(EveryThird()))
        let borrowed = ReferenceLlama.Borrowed(channel: 7, zeroBeforeRope: true, zeroAfterRope: false)
        let expected = ReferenceLlama(model).forward(tokens, borrowed: borrowed) { _ in
            { layer, head, key, query in
                key <= query && ((key + layer + head) % 3 == 0 || query - key <= 3)
            }
        }
        #expect(maximumError(found, expected.logits) < 5e-5)
    }
}
