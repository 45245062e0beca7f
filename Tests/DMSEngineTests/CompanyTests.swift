import DMSCache
import DMSModel
import DMSTensor
import DMSTestSupport
import Testing

@testable import DMSEngine

/// The same tokens, and the same bits of their log-probabilities, alone and in any company.
///
/// Models share kernels with one engine at a time, so every test makes its own.
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
        let requests = try Serving.requests(8, tokens: 40)
        let eviction = EvictionControl.forced(Serving.RandomSource(rate: rate))
        let expected = try await Serving.alone(model, requests, kvType: type, eviction: eviction)
        var preemptions = 0
        var computed = 0
        for step in [15, 40] {
            // Enough for the largest request, 81 tokens of 256 bytes with their tables, and not for three.
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
        if rate == 0 { #expect(preemptions > 0, "\(computed) tokens computed") }
    }

    @Test("forty seeded schedules: arrivals, cancellations, budgets, gates", arguments: 0..<40 as Range<UInt64>)
    func schedules(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let model = try Serving.model(window: [0, 3, 9][Int(seed % 3)], shift: Int(seed / 3 % 2))
        let eviction = EvictionControl.forced(Serving.RandomSource(seed: seed, rate: [0, 4, 8][Int(seed / 6 % 3)]))
        let requests = try Serving.requests(9, tokens: 20)
        let expected = try await Serving.alone(model, requests, eviction: eviction)
        let running = Int.random(in: 1...8, using: &random)
        let step = running - 1 + Serving.block + Int.random(in: 0...30, using: &random)
        let budget = 45_000 + Int.random(in: 0...60_000, using: &random)
        let plain = try Serving.configuration(step: step, running: running)
        let configuration = try Serving.configuration(
            budget: budget + Serving.workspaceBytes(model, plain), step: step, running: running,
            guaranteed: false)
        let engine = try Engine(model, configuration: configuration, eviction: eviction)
        var streams: [GenerationStream] = []
        for request in requests {
            streams.append(try engine.submit(request))
            // Dropped at once, or after some steps.
            if Bool.random(using: &random) { _ = try engine.submit(requests[Int.random(in: 0..<9, using: &random)]) }
            if Bool.random(using: &random) { await Task.yield() }
        }
        #expect(try await Serving.outcomes(streams) == expected)
        await engine.shutDown()
        let statistics = engine.statistics
        #expect(statistics.peakAllocatedBytes <= budget)
        #expect(statistics.pagesInUse == 0 && statistics.running == 0 && statistics.waiting == 0)
    }
}
