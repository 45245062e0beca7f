import DMSCheckpoint
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Foundation
import Testing

@testable import DMSEvaluation

/// Perplexity, divergence, rates and ratios of tiny random models against FP64 loops.
@Suite struct CorpusEvaluationTests {
    struct Case: Sendable {
        var window: Int
        var dialect: Dialect
        var passLength: Int
    }

    static let cases = [
        Case(window: 3, dialect: .fastdms, passLength: 24), Case(window: 0, dialect: .fastdms, passLength: 5),
        Case(window: 6, dialect: .nvidiaBorrowed, passLength: 1),
        Case(window: 100, dialect: .fastdms, passLength: 7),
        Case(window: 4, dialect: .nvidiaAdapter, passLength: 24),
        Case(window: 0, dialect: .nvidiaAdapter, passLength: 3),
    ]
    static let length = 24

    /// What the reference says about the chunks of a model and a base.
    struct Expected {
        var nll = 0.0
        var baseNLL = 0.0
        var kl: [Double] = []
        var agreements = 0
        var evictions = 0
        var stored = 0
        var storedAtEnds = 0
        var targets: [Double] = []

        init(_ model: LlamaModel, base: LlamaModel, _ chunks: EvaluationChunks) {
            for chunk in 0..<chunks.count {
                let tokens = Array(chunks[chunk])
                let own = referenceForward(model, tokens)
                let other = referenceForward(base, tokens)
                for position in 0..<tokens.count - 1 {
                    let target = Int(tokens[position + 1])
                    targets.append(Oracle.logProbabilities(own.logits[position])[target])
                    nll -= Oracle.logProbabilities(own.logits[position])[target]
                    baseNLL -= Oracle.logProbabilities(other.logits[position])[target]
                    kl.append(Oracle.divergence(other.logits[position], own.logits[position]))
                    if Oracle.best(own.logits[position]) == Oracle.best(other.logits[position]) { agreements += 1 }
                }
                guard let dms = model.dms else { continue }
                for decisions in own.decisions.joined() {
                    evictions += decisions.count { $0 }
                    let live = RetentionOracle(rule: dms.rule, assembly: dms.assembly, decisions: decisions)
                        .liveCounts()
                    stored += live.reduce(0, +)
                    storedAtEnds += live[tokens.count - 1]
                }
            }
        }
    }

    @Test(arguments: cases)
    func equalsTheOracle(_ test: Case) throws {
        let model = try tinyGatedModel(window: test.window, dialect: test.dialect)
        let base = try TinyModel.make(TinyModel.configuration(), seed: 2)
        let chunks = try EvaluationChunks(
            tokens: randomTokens(2 * Self.length + 3, vocabulary: 97, seed: 7), length: Self.length)
        let expected = Expected(model, base: base, chunks)

        let runner = try ModelRunner(model, passLength: test.passLength)
        let baseRunner = try ModelRunner(base, passLength: 10)
        let subjects = [
            Subject(name: "base", runner: baseRunner, path: StrictPath(base)),
            Subject(name: "strict", runner: runner, path: StrictPath(model)),
            Subject(name: "compact", runner: runner, path: CompactPath(model)),
        ]
        let pairs = [(0, 1), (0, 2), (1, 2)].map { CorpusEvaluation.Pair(reference: $0.0, subject: $0.1) }
        var targets: [[Double]] = [[], [], []]
        let result = try CorpusEvaluation(subjects: subjects, pairs: pairs).run(chunks) { scores in
            for index in targets.indices { targets[index] += scores.logProbabilities[index] }
        }

        #expect(isNear(result.subjects[0].perplexity.nllSum, expected.baseNLL, 1e-4))
        for index in [1, 2] {
            let found = result.subjects[index]
            #expect(isNear(found.perplexity.nllSum, expected.nll, 1e-4))
            #expect(found.perplexity.count == 2 * (Self.length - 1))
            #expect(isNear(found.perplexity.value, exp(expected.nll / Double(found.perplexity.count)), 1e-3))
            #expect(zip(targets[index], expected.targets).allSatisfy { abs($0 - $1) < 2e-5 })
            let divergence = try #require(result.divergence(reference: 0, subject: index))
            #expect(isNear(divergence.meanKL, expected.kl.reduce(0, +) / Double(expected.kl.count), 1e-5))
            #expect(isNear(divergence.largestKL, expected.kl.max() ?? 0, 1e-4))
            #expect(divergence.agreements == expected.agreements)

            let decisions = 2 * Self.length * 4
            #expect(found.tally.decisions == decisions)
            #expect(found.tally.evictions == expected.evictions)
            #expect(expected.evictions > decisions / 10, "a gate that evicts nothing shows nothing")
            let seen = 2 * 4 * Self.length * (Self.length + 1) / 2
            #expect(isNear(found.ratios.meanLiveRatio, Double(seen) / Double(expected.stored), 1e-12))
            let atEnds = 2 * 4 * Self.length
            #expect(isNear(found.ratios.finalLiveRatio, Double(atEnds) / Double(expected.storedAtEnds), 1e-12))
        }
        #expect(result.subjects[1].ratios.byteRatio == nil)
        #expect(result.subjects[2].ratios.byteRatio != nil)
        let same = try #require(result.divergence(reference: 1, subject: 2))
        #expect(same.largestLogProbabilityDifference < 1e-5)
    }

    @Test func withoutEvictionEverythingIsStored() throws {
        let model = try tinyGatedModel(window: 3)
        let chunks = try EvaluationChunks(tokens: randomTokens(20, vocabulary: 97, seed: 3), length: 20)
        let runner = try ModelRunner(model, passLength: 20)
        for path in [StrictPath(model), CompactPath(model)] as [any AttentionPath] {
            let subject = Subject(name: "off", runner: runner, path: path, eviction: .off)
            let found = try CorpusEvaluation(subjects: [subject], pairs: []).run(chunks).subjects[0]
            let logits = referenceForward(model, Array(chunks[0]), evicts: false).logits
            let expected = (0..<19).reduce(0.0) {
                $0 - Oracle.logProbabilities(logits[$1])[Int(chunks[0][$1 + 1])]
            }
            #expect(isNear(found.perplexity.nllSum, expected, 1e-4))
            #expect(found.evictionRate == 0)
            #expect(found.ratios.decisionRatio == 1)
            #expect(found.ratios.meanLiveRatio == 1)
            #expect(found.ratios.finalLiveRatio == 1)
        }
    }

    @Test func manyLogitBlocksGiveWhatOneGives() throws {
        // 300 rows need two blocks of 256.
        let model = try TinyModel.make(TinyModel.configuration(layers: 1, vocabulary: 31), seed: 5)
        let tokens = randomTokens(300, vocabulary: 31, seed: 9)
        let chunks = try EvaluationChunks(tokens: tokens, length: 300)
        let subject = Subject(
            name: "m", runner: try ModelRunner(model, passLength: 64), path: StrictPath(model))
        let found = try CorpusEvaluation(subjects: [subject], pairs: []).run(chunks).subjects[0].perplexity
        let logits = try strictLogits(model, tokens)
        let expected = (0..<299).reduce(0.0) { $0 - Oracle.logProbabilities(logits[$1])[Int(tokens[$1 + 1])] }
        #expect(found.count == 299)
        #expect(isNear(found.nllSum, expected, 1e-3))
        #expect(logitBlockRows(vocabularySize: 31) == 256)
        #expect(logitBlockRows(vocabularySize: 128_256) == 65)
        #expect(logitBlockRows(vocabularySize: 1 << 24) == 1)
    }

    @Test func otherVocabulariesAreRefusedByName() throws {
        let model = try tinyGatedModel(window: 3)
        let base = try TinyModel.make(TinyModel.configuration(vocabulary: 98))
        let error = #expect(throws: EvaluationError.self) {
            try ModelEvaluation(model, name: "ours", base: (base, "theirs"), options: ModelEvaluation.Options())
        }
        #expect(error?.description.contains("theirs has a vocabulary of 98 tokens and ours one of 97") == true)
    }
}
