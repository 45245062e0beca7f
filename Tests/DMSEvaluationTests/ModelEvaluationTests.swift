import DMSEvaluation
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

/// Controls, KV types and paths: that each is what its name says.
@Suite struct ModelEvaluationTests {
    static let length = 40

    static func chunks() throws -> EvaluationChunks {
        try EvaluationChunks(tokens: randomTokens(3 * length, vocabulary: 97, seed: 21), length: length)
    }

    static func evaluation(_ change: (inout ModelEvaluation.Options) -> Void) throws -> ModelEvaluation {
        var options = ModelEvaluation.Options()
        options.passLength = 16
        change(&options)
        return try ModelEvaluation(
            tinyGatedModel(window: 4), name: "model",
            base: (TinyModel.make(TinyModel.configuration(), seed: 2), "base"), options: options)
    }

    @Test func controlsStoreAsMuchAsTheGateAndNoMoreThanNeeded() throws {
        let evaluation = try Self.evaluation { $0.controls = true }
        let report = try evaluation.run(Self.chunks())
        let main = try #require(report[evaluation.mainRole])
        let controls = try #require(report.controls)
        let stored = main.tally.storedOverSteps
        #expect(main.tally.evictions > 0)

        let window = try #require(report[.slidingWindow])
        #expect(window.tally.storedOverSteps >= stored)
        // One position less in the window of every step would be too little.
        let evicted: [Bool?] = (0..<Self.length).map { $0 >= 4 }
        let narrower = try RetentionRule(window: controls.slidingWindow.rule.window - 1)
        #expect(narrower.liveCounts(evicted: evicted).reduce(0, +) * 4 * 3 < stored)

        let random = try #require(report[.randomGate])
        #expect(random.tally.storedOverSteps >= stored)
        // The same decisions in each of three chunks: a single one is worth at most 3 x length.
        #expect(random.tally.storedOverSteps - stored <= 3 * Self.length)
        #expect(controls.rule.window == 4)

        let off = try #require(report[evaluation.noEvictRole])
        #expect(off.tally.evictions == 0)
        #expect(report.roles.first == .base)
        for role in report.roles where role != .base {
            #expect(report.divergence(from: .base, to: role) != nil)
        }
        #expect((report.divergence(from: evaluation.noEvictRole, to: evaluation.mainRole)?.meanKL ?? 0) > 0)
    }

    @Test func bothPathsAgree() throws {
        let evaluation = try Self.evaluation { $0.paths = [.compact, .strict] }
        let report = try evaluation.run(Self.chunks())
        let strict = SubjectRole.model(path: .strict, kvType: .float32, evicts: true)
        let difference = try #require(report.divergence(from: evaluation.mainRole, to: strict))
        #expect(difference.largestLogProbabilityDifference < 1e-5)
        #expect(report[strict]?.tally == report[evaluation.mainRole]?.tally)
    }

    @Test func kvTypesAreOrderedByTheirPrecision() throws {
        let types: [ScalarType] = [.float32, .bfloat16, .float8, .int8]
        let evaluation = try Self.evaluation { $0.kvTypes = types }
        let report = try evaluation.run(Self.chunks())
        let exact = evaluation.kvRole(.float32, evicts: true)
        #expect(exact == evaluation.mainRole)
        let kld = types.map { report.divergence(from: exact, to: evaluation.kvRole($0, evicts: true))?.meanKL ?? 0 }
        #expect(kld[0] == 0)
        #expect(kld[1] > 0 && kld[1] < kld[2])
        #expect(kld[3] > 0 && kld[3] < kld[2])
        #expect((report.divergence(from: evaluation.kvRole(.float32, evicts: false), to: exact)?.meanKL ?? 0) > 0)
    }

    @Test func aPlainModelHasNoControls() throws {
        var options = ModelEvaluation.Options()
        options.controls = true
        let plain = try TinyModel.make(TinyModel.configuration())
        #expect(throws: EvaluationError.self) {
            try ModelEvaluation(plain, name: "plain", base: nil, options: options)
        }
    }

    @Test func threadsAndPassesChangeNothing() throws {
        let chunks = try Self.chunks()
        let reference = try Self.evaluation { _ in }
        let expected = try reference.run(chunks)[reference.mainRole]
        for pass in [1, 7, 40] {
            let other = try Self.evaluation { $0.passLength = pass }
            let found = try other.run(chunks)[other.mainRole]
            #expect(found?.tally == expected?.tally)
            #expect(abs((found?.perplexity.nllSum ?? 0) - (expected?.perplexity.nllSum ?? 1)) < 1e-5)
        }
    }
}
