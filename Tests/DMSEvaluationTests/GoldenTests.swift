import DMSCheckpoint
import DMSEvaluation
import DMSJSON
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import DMSTokenizer
import Foundation
import Testing

/// Trained weights against PyTorch's numbers, in FP32, within the tolerances that the fixtures state.
@Suite(.enabled(if: SharedFiles.areAvailable), .serialized)
struct GoldenTests {
    static let kernels = Result { try CPUKernels(threads: 2) }

    static func model(_ name: String, dms: DMSConfiguration? = nil) throws -> LlamaModel {
        let directory = try ModelDirectory.open(path: SharedFiles.path("models/\(name)"))
        let kernels = try kernels.get()
        return try LlamaModel(
            configuration: directory.configuration,
            weights: try LlamaWeights(directory, precision: .fp32, kernels: kernels), dms: dms, precision: .fp32,
            kernels: kernels)
    }

    /// Keeps what the gate read and decided: `[layer][head][token]`.
    final class GateObserver: ActivationObserver {
        var raw: [[[Float]]] = Array(repeating: [[], []], count: 6)
        var evicts: [[[UInt8]]] = Array(repeating: [[], []], count: 6)

        func observe(_ point: ActivationPoint, _ values: MatrixView) {
            guard case .gateRaw(let layer) = point else { return }
            for row in 0..<values.rows { for head in 0..<2 { raw[layer][head].append(values[row, head]) } }
        }

        func observe(decisions: EvictionDecisions, layer: Int, batch: ForwardBatch) {
            for row in 0..<decisions.rows {
                for head in 0..<2 { evicts[layer][head].append(decisions.evicts(row: row, head: head) ? 1 : 0) }
            }
        }
    }

    static let treatments: [(fixture: String, zeroing: ChannelZeroing)] = [
        ("keep", .none), ("zero_before_rope", .beforeRope), ("zero_before_and_after_rope", .beforeAndAfterRope),
    ]

    @Test(arguments: 0..<3)
    func strictMaskFixture(_ treatment: Int) throws {
        let (name, zeroing) = Self.treatments[treatment]
        let golden = try GoldenFile(SharedFiles.path("fixtures/dms_strict.safetensors"))
        let dms = try DMSConfiguration(
            source: .borrowedQueryChannel, channel: .last, decisionShift: 0, zeroing: zeroing, windowSize: 64,
            windowInclusive: true, alphaScale: 100, alphaOffset: 5)
        let model = try Self.model("wiki-llama-8m-dms-synthetic", dms: dms)
        let base = try Self.model("wiki-llama-8m")
        let runner = try ModelRunner(model, passLength: 512)
        let pieces = try ModelRunner(model, passLength: 100)
        let watchers = [GateObserver(), GateObserver()]
        let subjects = [
            Subject(name: "base", runner: try ModelRunner(base, passLength: 512), path: StrictPath(base)),
            Subject(name: "strict", runner: runner, path: StrictPath(model), observer: watchers[0]),
            Subject(name: "compact", runner: pieces, path: CompactPath(model), observer: watchers[1]),
            Subject(name: "no_evict", runner: runner, path: CompactPath(model), eviction: .off),
        ]
        let pairs = [(0, 1), (0, 2), (0, 3)].map { CorpusEvaluation.Pair(reference: $0.0, subject: $0.1) }
        var targets = [[Float]](repeating: [], count: 4)
        let chunks = try EvaluationChunks(tokens: golden.integers("ids"), length: 512)
        let result = try CorpusEvaluation(subjects: subjects, pairs: pairs).run(chunks) { scores in
            for index in targets.indices { targets[index] += scores.logProbabilities[index].map { Float($0) } }
        }
        #expect(maximumDifference(targets[0], golden.floats("base.target_logprob")) < 2e-4)
        let fixture = try Fixture(name)
        #expect(isNear(result.subjects[0].perplexity.value, fixture.base, 1e-5 * fixture.base))
        for index in [1, 2] {
            #expect(maximumDifference(targets[index], golden.floats("\(name).target_logprob")) < 2e-4)
            let found = result.subjects[index]
            #expect(isNear(found.perplexity.value, fixture.ppl, 1e-5 * fixture.ppl))
            #expect(isNear(found.evictionRate, fixture.rate, 1e-12))
            #expect(isNear(found.ratios.decisionRatio, fixture.decisionRatio, 1e-9))
            #expect(isNear(found.ratios.finalLiveRatio, 1 / fixture.liveAtEnd, 1e-9))
            #expect(isNear(found.ratios.meanLiveRatio, 1 / fixture.visible, 1e-9))
            let divergence = try #require(result.divergence(reference: 0, subject: index))
            #expect(isNear(divergence.meanKL, fixture.kld, 1e-5))
            #expect(isNear(divergence.largestKL, fixture.largestKL, 1e-4))
            #expect(isNear(divergence.top1Agreement, fixture.agreement, 1e-9))
            check(watchers[index - 1], golden, name)
        }
        #expect(isNear(result.subjects[3].perplexity.value, fixture.noEvictPPL, 1e-5 * fixture.noEvictPPL))
        #expect(isNear(result.divergence(reference: 0, subject: 3)?.meanKL, fixture.noEvictKLD, 1e-5))
        #expect((result.subjects[2].ratios.byteRatio ?? 0) > 1)
    }

    /// Decisions bit for bit; the fixture is `[chunk, layer, head, token]`.
    private func check(_ watcher: GateObserver, _ golden: GoldenFile, _ name: String) {
        let evict = golden.bytes("\(name).evict")
        let raw = golden.floats("\(name).raw")
        for chunk in 0..<2 {
            for layer in 0..<6 {
                for head in 0..<2 {
                    let start = ((chunk * 6 + layer) * 2 + head) * 512
                    let tokens = chunk * 512..<chunk * 512 + 512
                    #expect(Array(watcher.evicts[layer][head][tokens]) == Array(evict[start..<start + 512]))
                    #expect(maximumDifference(watcher.raw[layer][head][tokens], raw[start..<start + 512]) < 1e-5)
                }
            }
        }
    }

    /// The numbers of one treatment.
    struct Fixture {
        let base, ppl, rate, decisionRatio, liveAtEnd, visible, kld, largestKL, agreement: Double
        let noEvictPPL, noEvictKLD: Double

        init(_ name: String) throws {
            let root = try readJSON(SharedFiles.path("fixtures/dms_strict.json")).objectValue
            let entries = root?["conventions"]?.objectValue?[name]?.objectValue
            func number(_ key: String) throws -> Double { try #require(entries?[key]?.doubleValue, "\(key)") }
            base = try #require(root?["base"]?.objectValue?["ppl"]?.doubleValue)
            ppl = try number("ppl")
            rate = try number("eviction_rate")
            decisionRatio = try number("effective_compression")
            liveAtEnd = try number("live_fraction_at_last_position")
            visible = try number("mean_visible_fraction_of_causal")
            kld = try number("kld_nats_per_token")
            largestKL = try number("kld_max_token")
            agreement = try number("top1_agreement_with_base")
            noEvictPPL = try number("no_eviction_ppl")
            noEvictKLD = try number("no_eviction_kld")
        }
    }

    /// From text to perplexity: 512 x 2 and 512 x 8 of the model's own page.
    @Test func perplexityOfTheValidationText() throws {
        let tokenizer = try Tokenizer(file: SharedFiles.path("models/wiki-llama-8m/tokenizer.json"))
        let text = try CorpusText(path: SharedFiles.path("data/wikitext-2/valid.txt")).text
        let tokens = tokenizer.encode(text, addSpecialTokens: false)
        #expect(tokens.count == 306_707)
        let model = try Self.model("wiki-llama-8m")
        let subject = Subject(
            name: "compact", runner: try ModelRunner(model, passLength: 200), path: CompactPath(model))
        let chunks = try EvaluationChunks(tokens: tokens, length: 512, limit: 8)
        var sums: [Double] = []
        let result = try CorpusEvaluation(subjects: [subject], pairs: []).run(chunks) { scores in
            sums += scores.logProbabilities.map { -$0.reduce(0, +) }
        }
        for (found, wanted) in zip(sums, [2388.1257, 2603.2441]) { #expect(isNear(found, wanted, 1e-3)) }
        #expect(isNear(exp((sums[0] + sums[1]) / 1022), 132.14813, 1e-3))
        #expect(isNear(result.subjects[0].perplexity.value, 103.30821, 1e-3))
        #expect(result.subjects[0].perplexity.count == 4088)
    }
}
