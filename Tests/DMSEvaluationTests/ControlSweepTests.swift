import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

@testable import DMSEvaluation

@Suite("What forgetting costs, against what it saves")
struct ControlSweepTests {
    static let window = 9
    static func chunks() throws -> EvaluationChunks {
        try EvaluationChunks(tokens: randomTokens(150, vocabulary: 97, seed: 6), length: 70, limit: 2)
    }

    @Test("the gate's figures are those of an evaluation of the gate alone; controls store as much")
    func figures() throws {
        let model = try tinyGatedModel(window: Self.window)
        var progress: [Int] = []
        let sweep = try ControlSweep(
            model, name: "m", base: nil, chunks: try Self.chunks(), kvType: .float32, passLength: 32, seed: 1
        ) { done, total in
            progress.append(done)
            #expect(total == 4)
        }
        #expect(progress == [1, 2, 3, 4])
        #expect(sweep.reference == .noEvict)
        #expect(sweep[.base].isEmpty)
        let gate = try #require(sweep[.gate].first)
        // The same from the strict mask, by the other class.
        let options = {
            var options = ModelEvaluation.Options()
            options.paths = [.strict]
            options.controls = true
            options.passLength = 32
            options.seed = 1
            return options
        }()
        let evaluation = try ModelEvaluation(model, name: "m", base: nil, options: options)
        let found = try evaluation.run(try Self.chunks())
        let own = try #require(found[evaluation.mainRole])
        #expect(isNear(own.perplexity.value, gate.perplexity, 1e-3))
        #expect(isNear(own.ratios.meanLiveRatio, gate.liveRatio, 1e-12))
        let kl = found.divergence(from: evaluation.noEvictRole, to: evaluation.mainRole)?.meanKL
        #expect(isNear(kl, try #require(gate.divergence), 1e-5))
        for (kind, role) in [
            (ControlSweep.Kind.slidingWindow, SubjectRole.slidingWindow), (.randomGate, .randomGate),
        ] {
            let matched = try #require(sweep[kind].first { $0.isMatched })
            #expect(abs(matched.liveRatio / gate.liveRatio - 1) < 0.05)
            #expect(isNear(found[role]?.perplexity.value, matched.perplexity, 1e-3))
            #expect(sweep[kind].count > 2)
            #expect(sweep[kind].map(\.liveRatio) == sweep[kind].map(\.liveRatio).sorted())
        }
        let dense = try #require(sweep[.noEvict].first)
        #expect(dense.liveRatio == 1 && dense.divergence == nil)
    }

    @Test("a base is what all are compared with")
    func base() throws {
        let model = try tinyGatedModel(window: Self.window)
        let base = try TinyModel.make(TinyModel.configuration(vocabulary: 97), dms: nil, seed: 2)
        let sweep = try ControlSweep(
            model, name: "m", base: (base, "b"), chunks: try Self.chunks(), kvType: .float32, passLength: 64, seed: 1)
        #expect(sweep.reference == .base)
        #expect(sweep.points.filter { $0.divergence == nil }.map(\.kind) == [.base])
        #expect(sweep[.noEvict].first?.divergence ?? 0 > 0)
        #expect(throws: EvaluationError.self) {
            try ControlSweep(
                base, name: "b", base: nil, chunks: try Self.chunks(), kvType: .float32, passLength: 64, seed: 1)
        }
    }
}
