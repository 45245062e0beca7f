import DMSCache
import DMSCheckpoint
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

/// Whole models: the compact cache against the strict mask of the dense operator, logit by logit.
///
/// Tolerance: 1e-4 of the largest logit; two layers of FP32 rounding in different orders of summation.
@Suite struct ModelTests {
    struct Case: Sendable {
        var heads: Int
        var keyValueHeads: Int
        var window: Int
        var dialect: Dialect
    }

    static let cases: [Case] = [
        Case(heads: 6, keyValueHeads: 2, window: 3, dialect: .fastdms),
        Case(heads: 4, keyValueHeads: 4, window: 0, dialect: .fastdms),
        Case(heads: 6, keyValueHeads: 2, window: 1000, dialect: .fastdms),
        Case(heads: 8, keyValueHeads: 1, window: 5, dialect: .nvidiaBorrowed),
        Case(heads: 8, keyValueHeads: 2, window: 0, dialect: .nvidiaBorrowed),
        Case(heads: 6, keyValueHeads: 2, window: 3, dialect: .nvidiaAdapter),
        Case(heads: 4, keyValueHeads: 4, window: 0, dialect: .nvidiaAdapter),
    ]

    struct RandomSource: EvictionSource {
        let seed: UInt64
        func evicts(layer: Int, head: Int, position: Int) -> Bool {
            var random = SeededGenerator(seed: seed &+ UInt64(layer * 1_000_003 + head * 10_007 + position))
            return Int.random(in: 0..<8, using: &random) < 6
        }
    }

    /// Decisions of all layers, in the order of tokens.
    final class DecisionRecorder: ActivationObserver {
        var decisions: [Int: [UInt8]] = [:]
        func observe(_ point: ActivationPoint, _ values: MatrixView) {}
        func observe(decisions: EvictionDecisions, layer: Int, batch: ForwardBatch) {
            self.decisions[layer, default: []] += UnsafeBufferPointer(
                start: decisions.flags, count: decisions.rows * decisions.heads)
        }
    }

    static func model(_ test: Case, seed: UInt64) throws -> LlamaModel {
        let configuration = try TinyModel.configuration(
            layers: 2, hidden: 24, heads: test.heads, keyValueHeads: test.keyValueHeads, headDimension: 8)
        return try TinyModel.make(
            configuration, dms: try test.dialect.configuration(window: test.window), seed: seed)
    }

    static func logits(
        _ model: LlamaModel, _ tokens: [Int32], pieces: [Int], _ attention: any AttentionOperator,
        _ eviction: EvictionControl, _ recorder: DecisionRecorder
    ) throws -> [[Float]] {
        let workspace = try ForwardWorkspace(model.configuration, maximumRows: tokens.count)
        let output = try Tensor(rows: tokens.count, columns: model.configuration.vocabularySize)
        var start = 0
        for count in pieces {
            let batch = ForwardBatch(tokens: tokens[start..<start + count], firstPosition: start)
            let hidden = try model.forward(
                batch, attention: attention, eviction: eviction, workspace: workspace, observer: recorder)
            model.logits(hidden, into: output.view.rows(start..<start + count))
            start += count
        }
        return (0..<tokens.count).map { Array(output.view.row($0)) }
    }

    @Test(arguments: cases, [true, false])
    func equalsTheStrictMask(_ test: Case, _ isForced: Bool) throws {
        var random = SeededGenerator(seed: UInt64(test.window + test.heads))
        for seed in 1...3 as ClosedRange<UInt64> {
            let model = try Self.model(test, seed: seed)
            let tokens = (0..<40).map { _ in Int32.random(in: 0..<97, using: &random) }
            let eviction: EvictionControl = isForced ? .forced(RandomSource(seed: seed)) : .model
            let strict = DecisionRecorder()
            let expected = try Self.logits(
                model, tokens, pieces: [40], DenseAttention(strictMaskOf: model), eviction, strict)
            let largest = expected.joined().reduce(0) { max($0, abs($1)) }
            for pieces in [[40], [25] + Array(repeating: 1, count: 15), randomPieces(40, &random)] {
                let compact = DecisionRecorder()
                let configuration = CacheConfiguration.checked(slotsPerPage: 4, rowsPerBlock: 8)
                let cache = CompactAttention(serving: model, configuration: configuration)
                let found = try Self.logits(model, tokens, pieces: pieces, cache, eviction, compact)
                #expect(compact.decisions == strict.decisions)
                #expect(maximumDifference(Array(found.joined()), Array(expected.joined())) < 1e-4 * largest)
                let evictions = compact.decisions.values.joined().reduce(0) { $0 + Int($1) }
                #expect(evictions > 20, "a gate that evicts nothing shows nothing")
                #expect(cache.report().tally.evictions == evictions)
                try cache.checkInvariants()
            }
        }
    }

    @Test func modelsWithoutAGateAreServedDense() throws {
        let configuration = try TinyModel.configuration()
        let model = try TinyModel.make(configuration)
        let tokens = (0..<20).map { Int32($0 * 3) }
        let none = DecisionRecorder()
        let expected = try Self.logits(model, tokens, pieces: [20], DenseAttention(strictMaskOf: model), .model, none)
        let cache = CompactAttention(serving: model)
        let found = try Self.logits(model, tokens, pieces: [12, 1, 7], cache, .model, none)
        let largest = expected.joined().reduce(0) { max($0, abs($1)) }
        #expect(maximumDifference(Array(found.joined()), Array(expected.joined())) < 1e-4 * largest)
        #expect(none.decisions.isEmpty)
        #expect(cache.report().liveTokenHeads == 20 * 2 * 2)
    }
}
