import DMSCache
import DMSModel
import DMSTensor
import DMSTestSupport
import Testing

@testable import DMSEngine

/// The same tokens and the same bits of log-probabilities with guesses as without, in any company.
@Suite("Speculation")
struct SpeculationTests {
    /// As those of ``Serving/requests(_:tokens:)``, and between them some whose logits leave few tokens to choose from,
    /// so that guesses are right about as often as not.
    static func requests(_ count: Int, tokens: Int = 40) throws -> [GenerationRequest] {
        try Serving.requests(count, tokens: tokens).enumerated().map { index, request in
            if index % 3 == 0 { return request }
            let sampling = try SamplingParameters(
                temperature: index % 3 == 1 ? 0.7 : 1.2, repetitionPenalty: index % 2 == 0 ? 1.05 : 1,
                frequencyPenalty: index % 2 == 0 ? 0.05 : 0, logitBias: [5: 30, 6: 30, 7: 29], seed: UInt64(index))
            return try GenerationRequest(
                prompt: request.prompt, sampling: sampling, maximumTokens: request.maximumTokens, logProbabilities: 3)
        }
    }

    static func parameters(_ random: inout SeededGenerator) throws -> SpeculationParameters {
        let shortest = Int.random(in: 1...3, using: &random)
        return try SpeculationParameters(
            maximumDraft: Int.random(in: 1...9, using: &random), shortestMatch: shortest,
            longestMatch: shortest + Int.random(in: 0...6, using: &random),
            maximumStreams: Int.random(in: 1...8, using: &random))
    }

    @Test(
        "whatever a gate decides, with a shifted decision, for every type", arguments: [0, 4, 8],
        [(0, 0, ScalarType.float32), (3, 1, .float32), (9, 0, .bfloat16), (9, 1, .int8)])
    func gates(rate: Int, rule: (Int, Int, ScalarType)) async throws {
        let (window, shift, type) = rule
        let model = try Serving.model(window: window, shift: shift)
        let requests = try Self.requests(9)
        let eviction = EvictionControl.forced(Serving.RandomSource(rate: rate))
        let expected = try await Serving.alone(model, requests, kvType: type, eviction: eviction)
        for (draft, shortest, streams) in [(1, 2, 8), (4, 1, 8), (8, 1, 2)] {
            let speculation = try SpeculationParameters(
                maximumDraft: draft, shortestMatch: shortest, maximumStreams: streams)
            let engine = try Engine(
                model, configuration: try Serving.configuration(kvType: type, running: 5, speculation: speculation),
                eviction: eviction)
            #expect(try await Serving.outcomes(engine, requests) == expected)
            // One after the other: whatever the number of streams, there are guesses.
            for (request, outcome) in zip(requests, expected) {
                #expect(try await Serving.outcomes(engine, [request]) == [outcome])
            }
            await engine.shutDown()
            let statistics = engine.statistics
            let counts = statistics.speculation
            #expect(counts.acceptedTokens > 20 && counts.proposedTokens > counts.acceptedTokens, "\(counts)")
            // Every token of an answer but the first came with a row, and so did every guess that was wrong.
            let tokens = 2 * expected.reduce(0) { $0 + $1.tokens.count - 1 }
            let wrong = counts.proposedTokens - counts.acceptedTokens
            #expect(statistics.generatedTokens == tokens + 2 * expected.count)
            #expect(statistics.computedTokens + statistics.reusedTokens == tokens + wrong + statistics.promptTokens)
            #expect(statistics.pagesInUse == 0 && statistics.failed == 0)
        }
    }

    @Test("200 seeded schedules: arrivals, cancellations, slow readers, prefixes, budgets, gates")
    func schedules() async throws {
        var preemptions = 0
        var counts = SpeculationCounts()
        for variant in 0..<8 {
            let model = try Serving.model(window: [0, 3, 9, 30][variant % 4], shift: variant / 4)
            let gate = Serving.RandomSource(seed: UInt64(variant), rate: [0, 4, 8][(variant + variant / 4) % 3])
            let requests = try Self.requests(6) + PrefixTests.family(3, tokens: 40)
            let expected = try await Serving.alone(model, requests, eviction: .forced(gate))
            for seed in 0..<25 as Range<UInt64> {
                let statistics = try await schedule(model, gate, requests, expected, seed: seed)
                preemptions += statistics.preemptions
                counts.note(
                    proposed: statistics.speculation.proposedTokens, accepted: statistics.speculation.acceptedTokens)
            }
        }
        #expect(preemptions > 50)
        #expect(counts.acceptedTokens > 1000 && counts.proposedTokens > counts.acceptedTokens + 1000, "\(counts)")
    }

    private func schedule(
        _ model: LlamaModel, _ gate: Serving.RandomSource, _ requests: [GenerationRequest],
        _ expected: [Serving.Outcome], seed: UInt64
    ) async throws -> EngineStatistics {
        var random = SeededGenerator(seed: seed)
        let running = Int.random(in: 1...8, using: &random)
        let step = running - 1 + Serving.block + Int.random(in: 0...30, using: &random)
        let buffered = Bool.random(using: &random) ? 256 : Int.random(in: 1...5, using: &random)
        let prefixes = Bool.random(using: &random) ? 0 : 8
        let speculation = try Self.parameters(&random)
        func configuration(_ budget: Int?) throws -> EngineConfiguration {
            try Serving.configuration(
                budget: budget, step: step, running: running, buffered: buffered, guaranteed: false,
                prefixes: prefixes, speculation: speculation)
        }
        // From little more than what the largest request needs alone when all is kept, 106 tokens of 256 bytes, and
        // room for what guesses overwrite: 72 bytes in each of 4 streams.
        let log = (speculation.draftRows * 4 * 72 + 4095) / 4096 * 4096
        let budget = 52_000 + log + Int.random(in: 0...20_000, using: &random)
        let bounded = try configuration(budget + Serving.workspaceBytes(model, try configuration(nil)))
        let engine = try Engine(model, configuration: bounded, eviction: .forced(gate))
        var streams: [GenerationStream] = []
        for request in requests {
            streams.append(try engine.submit(request))
            // Dropped at once, or after some steps.
            if Bool.random(using: &random) { _ = try engine.submit(requests[Int.random(in: 0..<9, using: &random)]) }
            if Bool.random(using: &random) { await Task.yield() }
        }
        #expect(try await Serving.outcomes(streams) == expected, "seed \(seed)")
        await engine.shutDown()
        let statistics = engine.statistics
        #expect(statistics.peakAllocatedBytes <= budget, "seed \(seed)")
        #expect(
            statistics.pagesInUse == 0 && statistics.running == 0 && statistics.waiting == 0, "seed \(seed)")
        #expect(statistics.finished[.memoryLimit] == nil && statistics.failed == 0, "seed \(seed)")
        return statistics
    }

    @Test("the budget that a request is said to need is enough for it, guesses included")
    func leastBudget() async throws {
        let model = try Serving.model()
        let speculation = try SpeculationParameters(maximumDraft: 8, shortestMatch: 1, maximumStreams: 4)
        let plain = try Serving.configuration(speculation: speculation)
        let probe = try Engine(model, configuration: plain)
        let budget = probe.neededBytes(promptTokens: 41, maximumTokens: 62)
        await probe.shutDown()
        let without = try Engine(model, configuration: try Serving.configuration())
        #expect(without.neededBytes(promptTokens: 41, maximumTokens: 62) < budget)
        await without.shutDown()
        let configuration = try Serving.configuration(
            budget: budget + Serving.workspaceBytes(model, plain), speculation: speculation)
        for rate in [0, 4] {
            let engine = try Engine(
                model, configuration: configuration, eviction: .forced(Serving.RandomSource(rate: rate)))
            let outcomes = try await Serving.outcomes(engine, try Self.requests(12, tokens: 60))
            #expect(outcomes.count == 12 && outcomes.allSatisfy { $0.reason == .length })
            await engine.shutDown()
            #expect(engine.statistics.peakAllocatedBytes <= budget && engine.statistics.pagesInUse == 0)
            #expect(engine.statistics.speculation.acceptedTokens > 0)
        }
    }

    @Test("a text that repeats itself takes fewer passes")
    func passes() async throws {
        let model = try Serving.model()
        let speculation = try SpeculationParameters(maximumDraft: 7)
        let constant = try GenerationRequest(
            prompt: Serving.prompt(10, seed: 1), sampling: try SamplingParameters(logitBias: [4: 100]),
            maximumTokens: 81)
        let engine = try Engine(model, configuration: try Serving.configuration(speculation: speculation))
        let result = try await engine.submit(constant).collect()
        await engine.shutDown()
        #expect(result.tokens == Array(repeating: 4, count: 81))
        let statistics = engine.statistics
        // Two passes for the prompt, two until two tokens repeat; then eight tokens a pass.
        #expect(statistics.steps <= 2 + 3 + 10, "\(statistics.steps)")
        #expect(statistics.speculation.acceptedTokens == 81 + 1 - statistics.steps)
    }
}
