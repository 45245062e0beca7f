import DMSCache
import DMSModel
import DMSTensor
import DMSTestSupport
import Testing

@testable import DMSEngine

/// The same tokens, and the same bits of their log-probabilities, alone and in any company.
///
@Suite("Company")
struct CompanyTests {
    /// The definition: the generator of one sequence, over the same cache with the same blocks.
    @Test("an engine gives what the generator of one sequence gives", arguments: [ScalarType.float32, .int8])
    func equalsTheGenerator(type: ScalarType) async throws {
        let model = try Serving.model()
        let requests = try Serving.requests(10)
        var expected: [[Int32]] = []
        for request in requests {
            let cache = CompactAttention(
                serving: model,
                configuration: CacheConfiguration(kvType: type, slotsPerPage: 4, rowsPerBlock: Serving.block))
            let parameters = try GenerationParameters(
                sampling: request.sampling, maximumTokens: request.maximumTokens, prefillChunk: Serving.block)
            var generator = try TokenGenerator(
                model, attention: cache, prompt: request.prompt, parameters: parameters)
            while try generator.next() != nil {}
            expected.append(generator.tokens)
        }
        let found = try await Serving.alone(model, requests, kvType: type)
        #expect(found.map(\.tokens) == expected)
        #expect(Set(expected.joined()).count > 20)
    }

    @Test("1, 2, 3 and 7 neighbours, for several sizes of step", arguments: [ScalarType.float32, .bfloat16])
    func neighbours(type: ScalarType) async throws {
        let model = try Serving.model()
        let requests = try Serving.requests(8)
        let expected = try await Serving.alone(model, requests, kvType: type)
        for neighbours in [1, 2, 3, 7] {
            for step in [neighbours + 8, 24, 200] {
                let engine = try Engine(
                    model, configuration: try Serving.configuration(kvType: type, step: step, running: neighbours + 1))
                // Those that do not fit beside each other come later, in the company of others.
                let found = try await Serving.outcomes(engine, requests)
                #expect(found == expected, "\(neighbours) neighbours, steps of \(step)")
                await engine.shutDown()
            }
        }
    }

    @Test("two engines over one model, at the same time", arguments: [1, 2, 3])
    func twoEngines(seed: UInt64) async throws {
        let model = try Serving.model(seed: seed)
        let requests = try Serving.requests(8)
        let expected = try await Serving.alone(model, requests)
        let first = try Engine(model, configuration: try Serving.configuration(step: 24, running: 4))
        let second = try Engine(model, configuration: try Serving.configuration(step: 16, running: 8))
        async let left = Serving.outcomes(first, requests)
        async let right = Serving.outcomes(second, requests)
        #expect(try await left == expected)
        #expect(try await right == expected)
        await first.shutDown()
        await second.shutDown()
    }

    @Test("whatever a gate decides, and with a shifted decision", arguments: [0, 4, 8], [0, 1])
    func gates(rate: Int, shift: Int) async throws {
        let model = try Serving.model(window: 7, shift: shift)
        let requests = try Serving.requests(6)
        let eviction = EvictionControl.forced(Serving.RandomSource(rate: rate))
        let expected = try await Serving.alone(model, requests, eviction: eviction)
        let engine = try Engine(
            model, configuration: try Serving.configuration(step: 23, running: 5), eviction: eviction)
        #expect(try await Serving.outcomes(engine, requests) == expected)
        await engine.shutDown()
    }

    @Test("after preemption, decoded tokens included", arguments: [0, 6], [ScalarType.float32, .int8])
    func preemption(rate: Int, type: ScalarType) async throws {
        let model = try Serving.model()
        // A gate that keeps a quarter: four times as long.
        let requests = try Serving.requests(8, tokens: rate == 0 ? 40 : 300)
        let eviction = EvictionControl.forced(Serving.RandomSource(rate: rate))
        let expected = try await Serving.alone(model, requests, kvType: type, eviction: eviction)
        var preemptions = 0
        var computed = 0
        for step in [15, 40] {
            // Enough for the largest request, some 90 live tokens of 256 bytes with their tables, and not for three.
            let budget = 50_000
            let plain = try Serving.configuration(step: step)
            let configuration = try Serving.configuration(
                kvType: type, budget: budget + Serving.workspaceBytes(model, plain), step: step, guaranteed: false)
            let engine = try Engine(model, configuration: configuration, eviction: eviction)
            #expect(try await Serving.outcomes(engine, requests) == expected)
            await engine.shutDown()
            let statistics = engine.statistics
            #expect(statistics.peakAllocatedBytes <= budget)
            #expect(statistics.pagesInUse == 0)
            preemptions += statistics.preemptions
            computed += statistics.computedTokens
        }
        #expect(preemptions > 0, "\(computed) tokens computed")
    }

    @Test("120 seeded schedules: arrivals, cancellations, budgets, gates")
    func schedules() async throws {
        var preemptions = 0
        for variant in 0..<6 {
            let model = try Serving.model(window: [0, 3, 9][variant % 3], shift: variant / 3)
            let gate = Serving.RandomSource(seed: UInt64(variant), rate: [0, 4, 8][(variant + variant / 3) % 3])
            let requests = try Serving.requests(9, tokens: 45)
            let expected = try await Serving.alone(model, requests, eviction: .forced(gate))
            for seed in 0..<20 as Range<UInt64> {
                preemptions += try await schedule(model, gate, requests, expected, seed: seed)
            }
        }
        #expect(preemptions > 50)
    }

    private func schedule(
        _ model: LlamaModel, _ gate: Serving.RandomSource, _ requests: [GenerationRequest],
        _ expected: [Serving.Outcome], seed: UInt64
    ) async throws -> Int {
        var random = SeededGenerator(seed: seed)
        let running = Int.random(in: 1...8, using: &random)
        let step = running - 1 + Serving.block + Int.random(in: 0...30, using: &random)
        // From what the largest request needs alone when all is kept, 88 tokens of 256 bytes.
        let budget = 42_000 + Int.random(in: 0...16_000, using: &random)
        let plain = try Serving.configuration(step: step, running: running)
        let configuration = try Serving.configuration(
            budget: budget + Serving.workspaceBytes(model, plain), step: step, running: running,
            guaranteed: false)
        let engine = try Engine(model, configuration: configuration, eviction: .forced(gate))
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
        return statistics.preemptions
    }
}
