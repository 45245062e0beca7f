import DMSModel
import DMSTensor
import DMSTestSupport
import Testing

@testable import DMSEngine

/// Stored prefixes change nothing but the time that prompts take.
@Suite("Prefixes")
struct PrefixTests {
    /// Prompts that begin alike: two trunks, the second of which leaves the first in the middle of a block, and a
    /// continuation of whole prompts.
    static func family(_ count: Int, tokens: Int = 10, salt: String? = nil) throws -> [GenerationRequest] {
        let first = Serving.prompt(43, seed: 900)
        let second = first[..<19] + Serving.prompt(20, seed: 901)
        return try (0..<count).map { index in
            var random = SeededGenerator(seed: UInt64(index) &* 31)
            let trunk = index % 3 == 2 ? Array(second) : first
            let own = Int.random(in: 0...20, using: &random)
            let prompt = trunk + (index % 4 == 3 ? [] : Serving.prompt(own, seed: UInt64(500 + index)))
            let sampling = index % 2 == 0 ? .greedy : try SamplingParameters(temperature: 1.2, seed: UInt64(index))
            return try GenerationRequest(
                prompt: prompt, sampling: sampling, maximumTokens: tokens + index % 4, logProbabilities: 2,
                cacheSalt: salt)
        }
    }

    private static func outcomesInTurn(
        _ engine: Engine, _ requests: [GenerationRequest]
    ) async throws -> [GenerationStream.Result] {
        var results: [GenerationStream.Result] = []
        for request in requests { results.append(try await engine.submit(request).collect()) }
        return results
    }

    /// What the engine says when it has noticed that there is nothing to do.
    private static func settled(_ engine: Engine) async -> EngineStatistics {
        // Two minutes, which only a failure takes.
        for _ in 0..<60_000 {
            let before = engine.statistics
            if before.running == 0, before.waiting == 0, before.liveBytes == 0 || before.storedPrefixes > 0 {
                return before
            }
            try? await Task.sleep(for: .milliseconds(2))
        }
        Issue.record("waited in vain")
        return engine.statistics
    }

    @Test(
        "with a hit the same bits as without, whatever a gate decides, with a shifted decision",
        arguments: [0, 4, 8], [0, 1])
    func hits(rate: Int, shift: Int) async throws {
        let eviction = EvictionControl.forced(Serving.RandomSource(rate: rate))
        for window in [0, 3, 9] {
            let model = try Serving.model(window: window, shift: shift)
            let requests = try Self.family(14)
            let expected = try await Serving.alone(model, requests, eviction: eviction)
            let engine = try Engine(
                model, configuration: try Serving.configuration(step: 60, prefixes: 30), eviction: eviction)
            let found = try await Self.outcomesInTurn(engine, requests)
            #expect(found.map(Serving.Outcome.init) == expected, "window \(window)")
            // The first knows nothing, the second learns where they part, the third starts there.
            #expect(found[0].summary.reusedTokens == 0 && found[1].summary.reusedTokens == 0)
            #expect(found[3].summary.reusedTokens == 40)
            #expect(found.allSatisfy { $0.summary.cachedTokens == $0.summary.reusedTokens })
            #expect(found.dropFirst(3).allSatisfy { $0.summary.reusedTokens >= 16 })
            let reused = found.reduce(0) { $0 + $1.summary.reusedTokens }
            let statistics = await Self.settled(engine)
            #expect(statistics.prefixHits >= 11 && statistics.reusedTokens == reused)
            let rows = requests.reduce(0) { $0 + $1.prompt.count + $1.maximumTokens - 1 }
            #expect(statistics.computedTokens == rows - reused)
            // All at once, and once more.
            #expect(try await Serving.outcomes(engine, requests + requests) == expected + expected)
            await engine.shutDown()
            #expect(engine.statistics.pagesInUse == 0 && engine.statistics.storedPrefixes == 0)
        }
    }

    @Test("for every type of keys and values", arguments: [ScalarType.bfloat16, .float8, .int8])
    func types(type: ScalarType) async throws {
        let model = try Serving.model()
        let requests = try Self.family(8)
        let expected = try await Serving.alone(model, requests, kvType: type)
        let engine = try Engine(model, configuration: try Serving.configuration(kvType: type))
        #expect(try await Self.outcomesInTurn(engine, requests).map(Serving.Outcome.init) == expected)
        #expect(engine.statistics.prefixHits >= 5)
        await engine.shutDown()
    }

    @Test("a conversation is computed anew from its last boundary only")
    func conversation() async throws {
        let model = try Serving.model()
        let engine = try Engine(model, configuration: try Serving.configuration())
        var prompt = Serving.prompt(50, seed: 7)
        var reused: [Int] = []
        for turn in 0..<4 {
            let request = try GenerationRequest(prompt: prompt, maximumTokens: 9, logProbabilities: 1)
            let expected = try await Serving.alone(try Serving.model(), [request])
            let result = try await engine.submit(request).collect()
            #expect([Serving.Outcome(result)] == expected)
            reused.append(result.summary.reusedTokens)
            prompt += result.tokens + Serving.prompt(14, seed: UInt64(70 + turn))
        }
        #expect(reused == [0, 48, 72, 96])
        await engine.shutDown()
    }

    @Test("whoever has another salt shares nothing")
    func salts() async throws {
        let model = try Serving.model()
        let engine = try Engine(model, configuration: try Serving.configuration(prefixes: 40))
        func hits() -> Int { engine.statistics.prefixHits }
        var expected = 0
        for salt in ["a", nil, "b", ""] {
            let before = hits()
            let requests = try Self.family(6, salt: salt)
            let first = try await engine.submit(requests[0]).collect()
            #expect(first.summary.reusedTokens == 0, "salt \(salt ?? "none")")
            #expect(hits() == before)
            _ = try await Self.outcomesInTurn(engine, requests)
            expected = expected == 0 ? hits() : expected
            #expect(hits() - before == expected)
        }
        await engine.shutDown()
    }

    @Test("switched off, nothing is stored; and never more than the limit")
    func limits() async throws {
        let model = try Serving.model()
        for limit in [0, 1, 3] {
            let engine = try Engine(model, configuration: try Serving.configuration(prefixes: limit))
            for request in try Self.family(9) {
                _ = try await engine.submit(request).collect()
                #expect(engine.statistics.storedPrefixes <= limit)
            }
            let statistics = await Self.settled(engine)
            #expect((statistics.prefixHits > 0) == (limit > 0) && (statistics.reclaimedPrefixes > 0) == (limit > 0))
            if limit == 0 { #expect(statistics.pagesInUse == 0) }
            await engine.shutDown()
        }
        #expect(throws: ParameterError.self) { try EngineConfiguration(maximumPrefixes: -1) }
    }

    @Test("prefixes give way before a request waits or gives way")
    func reclaim() async throws {
        let model = try Serving.model()
        let plain = try Serving.configuration()
        let keepsAll = EvictionControl.forced(Serving.RandomSource(rate: 0))
        let probe = try Engine(model, configuration: plain)
        // Three requests fit beside each other when nothing else is there.
        let budget = 3 * probe.neededBytes(promptTokens: 60, maximumTokens: 40)
        await probe.shutDown()
        func makeEngine(prefixes: Int) throws -> Engine {
            let configuration = try Serving.configuration(
                budget: budget + Serving.workspaceBytes(model, plain), running: 8, prefixes: prefixes)
            return try Engine(model, configuration: configuration, eviction: keepsAll)
        }
        func request(_ seed: UInt64) throws -> GenerationRequest {
            try GenerationRequest(prompt: Serving.prompt(60, seed: seed), maximumTokens: 40)
        }
        let engine = try makeEngine(prefixes: 1000)
        // Fill what there is with prefixes of conversations that are over.
        for seed in 0..<40 as Range<UInt64> { _ = try await engine.submit(try request(100 + seed)).collect() }
        let filled = await Self.settled(engine)
        #expect(filled.storedPrefixes > 5 && filled.reclaimedPrefixes > 5 && filled.preemptions == 0)
        let three = try (0..<3 as Range<UInt64>).map { try request(200 + $0) }
        let outcomes = try await Serving.outcomes(engine, three)
        #expect(outcomes.map(\.reason) == [.length, .length, .length])
        let after = await Self.settled(engine)
        #expect(after.preemptions == 0 && after.reclaimedPrefixes > filled.reclaimedPrefixes)
        #expect(after.peakAllocatedBytes <= budget)
        // The largest request that is taken at all still gets to its end, alone with everything given up.
        let whole = try GenerationRequest(prompt: Serving.prompt(200, seed: 9), maximumTokens: 90)
        #expect(try await engine.submit(whole).collect().summary.reason == .length)
        await engine.shutDown()
        #expect(engine.statistics.peakAllocatedBytes <= budget && engine.statistics.pagesInUse == 0)
    }

    @Test("120 seeded schedules with prefixes: arrivals, cancellations, budgets, gates")
    func schedules() async throws {
        var totals = EngineStatistics()
        for variant in 0..<6 {
            let model = try Serving.model(window: [0, 3, 9][variant % 3], shift: variant / 3)
            let gate = Serving.RandomSource(seed: UInt64(variant), rate: [0, 4, 8][(variant + variant / 3) % 3])
            let requests = try Self.family(12, tokens: 25)
            let expected = try await Serving.alone(model, requests, eviction: .forced(gate))
            for seed in 0..<20 as Range<UInt64> {
                let statistics = try await schedule(model, gate, requests, expected, seed: seed)
                totals.prefixHits += statistics.prefixHits
                totals.reclaimedPrefixes += statistics.reclaimedPrefixes
                totals.preemptions += statistics.preemptions
            }
        }
        #expect(totals.prefixHits > 500 && totals.reclaimedPrefixes > 300 && totals.preemptions > 50, "\(totals)")
    }

    private func schedule(
        _ model: LlamaModel, _ gate: Serving.RandomSource, _ requests: [GenerationRequest],
        _ expected: [Serving.Outcome], seed: UInt64
    ) async throws -> EngineStatistics {
        var random = SeededGenerator(seed: seed)
        let running = Int.random(in: 1...6, using: &random)
        let step = running - 1 + Serving.block + Int.random(in: 0...40, using: &random)
        // From what the largest request needs alone when all is kept, 91 tokens of 256 bytes.
        let budget = 46_000 + Int.random(in: 0...60_000, using: &random)
        let plain = try Serving.configuration(step: step, running: running)
        let configuration = try Serving.configuration(
            budget: budget + Serving.workspaceBytes(model, plain), step: step, running: running,
            guaranteed: false, prefixes: Int.random(in: 1...12, using: &random))
        let engine = try Engine(model, configuration: configuration, eviction: .forced(gate))
        var streams: [GenerationStream] = []
        for request in requests {
            streams.append(try engine.submit(request))
            // Dropped at once, or after some steps.
            if Bool.random(using: &random) { _ = try engine.submit(requests[Int.random(in: 0..<12, using: &random)]) }
            if Int.random(in: 0..<4, using: &random) == 0 { try await Task.sleep(for: .milliseconds(2)) }
        }
        #expect(try await Serving.outcomes(streams) == expected, "seed \(seed)")
        // Once more, now that prefixes are there.
        #expect(try await Serving.outcomes(engine, requests) == expected, "seed \(seed), again")
        await engine.shutDown()
        let statistics = engine.statistics
        #expect(statistics.peakAllocatedBytes <= budget, "seed \(seed)")
        #expect(statistics.pagesInUse == 0 && statistics.failed == 0, "seed \(seed)")
        return statistics
    }
}
