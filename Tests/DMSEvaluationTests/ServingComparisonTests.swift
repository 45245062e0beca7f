import DMSEvaluation
import DMSModel
import DMSTestSupport
import Testing

@Suite struct ServingComparisonTests {
    /// Both continuations by whole forward passes, and KL until they part.
    func expected(_ model: LlamaModel, _ prompt: [Int32], steps: Int) throws -> (
        matches: Int, agreed: Int, kl: [Double]
    ) {
        var texts = [prompt, prompt]
        var kl: [Double] = []
        var agreed = steps
        var matches = 0
        for step in 0..<steps {
            let off = try strictLogits(model, texts[0], eviction: .off)[texts[0].count - 1]
            let on = try strictLogits(model, texts[1])[texts[1].count - 1]
            if texts[0] == texts[1] { kl.append(Oracle.divergence(off, on)) }
            let choices = [off, on].map { Int32(Oracle.best($0)) }
            if choices[0] == choices[1] { matches += 1 } else { agreed = min(agreed, step) }
            texts[0].append(choices[0])
            texts[1].append(choices[1])
        }
        return (matches, agreed, kl)
    }

    @Test(arguments: 1..<6 as Range<UInt64>)
    func equalsWholeForwardPasses(_ seed: UInt64) throws {
        let model = try tinyGatedModel(window: 3, seed: seed)
        let corpus = randomTokens(60, vocabulary: 97, seed: seed)
        let steps = 12
        let runner = try ModelRunner(model, passLength: 8)
        for paths in [
            (StrictPath(model), StrictPath(model)), (CompactPath(model), CompactPath(model)),
        ] as [(any AttentionPath, any AttentionPath)] {
            let comparison = try ServingComparison(
                reference: Subject(name: "off", runner: runner, path: paths.0, eviction: .off),
                subject: Subject(name: "on", runner: runner, path: paths.1), steps: steps)
            let found = try comparison.compare(prompt: corpus[10..<40])
            let wanted = try expected(model, Array(corpus[10..<40]), steps: steps)
            #expect(found.offset == 10)
            #expect(found.matches == wanted.matches)
            #expect(found.stepsUntilDivergence == wanted.agreed)
            // The step at which they part is scored, too.
            #expect(found.divergence.count == min(wanted.agreed + 1, steps))
            #expect(found.divergence.count == wanted.kl.count)
            #expect(isNear(found.divergence.klSum, wanted.kl.reduce(0, +), 1e-4))
            #expect(found.divergence.klSum > 0)
        }
    }

    @Test func aGateThatNeverEvictsChangesNothing() throws {
        let model = try tinyGatedModel(window: 0, alphaOffset: 1e9)
        let runner = try ModelRunner(model, passLength: 8)
        let comparison = try ServingComparison(
            reference: Subject(name: "off", runner: runner, path: CompactPath(model), eviction: .off),
            subject: Subject(name: "on", runner: runner, path: CompactPath(model)), steps: 9)
        let results = try [0, 20].map {
            try comparison.compare(prompt: randomTokens(40, vocabulary: 97, seed: 2)[$0..<$0 + 20])
        }
        let summary = ServingComparison.Summary(results)
        #expect(summary.matchRate == 1)
        #expect(summary.steps == 18)
        #expect(summary.divergence.count == 18)
        #expect(summary.divergence.klSum == 0)
        #expect(results.allSatisfy { $0.stepsUntilDivergence == 9 })
    }
}
