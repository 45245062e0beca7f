import DMSCache
import DMSCheckpoint
import DMSEngine
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

@testable import DMSEvaluation

@Suite("What is kept of a text")
struct RetentionTraceTests {
    /// Decisions `[layer][head][token]`, noted by another observer than the evaluation's.
    final class Decisions: ActivationObserver {
        var made: [[[Bool]]]

        init(_ model: LlamaModel) {
            let heads = [[Bool]](repeating: [], count: model.configuration.keyValueHeadCount)
            made = Array(repeating: heads, count: model.configuration.layerCount)
        }

        func observe(_ point: ActivationPoint, _ values: MatrixView) {}

        func observe(decisions: EvictionDecisions, layer: Int, batch: ForwardBatch) {
            for row in 0..<decisions.rows {
                for head in 0..<decisions.heads { made[layer][head].append(decisions.evicts(row: row, head: head)) }
            }
        }
    }

    /// The oracle of every head on decisions that the dense reference operator made in one pass.
    static func oracles(_ model: LlamaModel, _ tokens: [Int32]) throws -> [[RetentionOracle]] {
        let dms = try #require(model.dms)
        let decisions = Decisions(model)
        let workspace = try ForwardWorkspace(model.configuration, maximumRows: tokens.count)
        _ = try model.forward(
            ForwardBatch(tokens: tokens, firstPosition: 0), attention: DenseAttention(strictMaskOf: model),
            eviction: .model, workspace: workspace, observer: decisions)
        return decisions.made.map { layer in
            layer.map { RetentionOracle(rule: dms.rule, assembly: dms.assembly, decisions: $0) }
        }
    }

    static func expectAgreement(_ trace: RetentionTrace, _ oracles: [[RetentionOracle]]) {
        var storing = [Int](repeating: 0, count: trace.tokenCount)
        for layer in 0..<trace.layerCount {
            for head in 0..<trace.headCount {
                let stored = oracles[layer][head].storedKeys(after: trace.tokenCount - 1)
                #expect(trace.storedTokens[layer][head] == stored.count)
                for token in 0..<trace.tokenCount {
                    let fate = trace.fate(of: token, layer: layer, head: head)
                    #expect((fate != .gone) == stored.contains(token))
                    #expect((fate == .kept) == (oracles[layer][head].evicted[token] != true))
                }
                for token in stored { storing[token] += 1 }
            }
        }
        #expect(trace.storingHeads == storing)
        #expect(trace.report.liveTokenHeads == storing.reduce(0, +))
    }

    @Test("the survivors are the oracle's", arguments: [0, 1])
    func survivors(shift: Int) throws {
        let model = try tinyGatedModel(window: 9, shift: shift)
        let tokens = randomTokens(75, vocabulary: 97, seed: 3)
        let trace = try RetentionTrace(model, name: "m", tokens: tokens, kvType: .float32)
        Self.expectAgreement(trace, try Self.oracles(model, tokens))
        let all = (0..<75).flatMap { token in
            (0..<trace.streamCount).map {
                trace.fate(of: token, layer: $0 / trace.headCount, head: $0 % trace.headCount)
            }
        }
        #expect(Set(all).count == 3, "a text that shows less than the test is about")
    }

    @Test("moments are what the cache holds after so many tokens, as the oracle counts it")
    func moments() throws {
        let model = try tinyGatedModel(window: 9)
        let tokens = randomTokens(75, vocabulary: 97, seed: 4)
        var read: [Int] = []
        let trace = try RetentionTrace(model, name: "m", tokens: tokens, kvType: .bfloat16) { read.append($0) }
        let oracles = try Self.oracles(model, tokens).joined()
        #expect(trace.moments.map(\.tokens) == [16, 32, 48, 64, 75])
        #expect(read == trace.moments.map(\.tokens))
        // Keys and values of 8 numbers of 2 bytes.
        let bytes = 2 * 8 * 2
        for moment in trace.moments {
            let live = oracles.reduce(0) { $0 + $1.storedKeys(after: moment.tokens - 1).count }
            #expect(moment.liveTokenHeads == live)
            #expect(moment.liveBytes == live * bytes)
            #expect(moment.denseBytes == moment.tokens * trace.streamCount * bytes)
            #expect(moment.allocatedBytes > moment.liveBytes)
        }
        #expect(trace.moments.last?.allocatedBytes == trace.report.allocatedBytes)
    }

    @Test("a model without a gate keeps everything")
    func plain() throws {
        let model = try TinyModel.make(TinyModel.configuration(vocabulary: 97), dms: nil, seed: 1)
        let tokens = randomTokens(40, vocabulary: 97, seed: 1)
        let trace = try RetentionTrace(model, name: "m", tokens: tokens, kvType: .float32)
        #expect(trace.shares.allSatisfy { $0 == 1 })
        #expect(trace.evictionRates.joined().allSatisfy { $0 == 0 })
        #expect(trace.report.ratios.decisionRatio == nil)
    }

    @Test("texts that cannot be read are errors")
    func refused() throws {
        let model = try tinyGatedModel(window: 9)
        let longest = model.configuration.maximumPositions
        for count in [0, longest + 1] {
            #expect(throws: EvaluationError.self) {
                try RetentionTrace(
                    model, name: "m", tokens: Array(repeating: 1, count: count), kvType: .float32)
            }
        }
    }
}
