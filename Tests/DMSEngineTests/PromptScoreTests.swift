import DMSCache
import DMSCheckpoint
import DMSModel
import DMSTensor
import DMSTestSupport
import Testing

@testable import DMSEngine

/// How likely the tokens of prompts are.
@Suite("Scores of prompts")
struct PromptScoreTests {
    private static func requests(_ count: Int, tokens: Int = 6, top: Int = 3) throws -> [GenerationRequest] {
        try (0..<count).map { index in
            try GenerationRequest(
                prompt: Serving.prompt([13, 1, 9, 8, 30, 2, 17, 25][index % 8], seed: UInt64(index + 1)),
                maximumTokens: tokens, logProbabilities: 1, promptLogProbabilities: index % 4 == 3 ? nil : top)
        }
    }

    private static func results(_ engine: Engine, _ requests: [GenerationRequest]) async throws
        -> [[LogProbabilities]]
    {
        let streams = try requests.map { try engine.submit($0) }
        var results: [[LogProbabilities]] = []
        for stream in streams { results.append(try await stream.collect().promptLogProbabilities) }
        return results
    }

    /// The model's own logits of a prompt, block by block.
    private static func direct(
        _ model: LlamaModel, _ prompt: [Int32], _ attention: any AttentionOperator, eviction: EvictionControl = .model,
        top: Int
    ) throws -> [LogProbabilities] {
        let workspace = try ForwardWorkspace(model.configuration, maximumRows: Serving.block)
        let logits = try Tensor(rows: Serving.block, columns: model.configuration.vocabularySize)
        var found: [LogProbabilities] = []
        for start in stride(from: 0, to: prompt.count, by: Serving.block) {
            let end = min(start + Serving.block, prompt.count)
            let batch = ForwardBatch(tokens: prompt[start..<end], firstPosition: start)
            let hidden = try model.forward(batch, attention: attention, eviction: eviction, workspace: workspace)
            model.logits(hidden, into: logits.view(rows: end - start))
            for position in start..<min(end, prompt.count - 1) {
                let row = UnsafeBufferPointer(logits.view.row(position - start))
                found.append(LogProbabilities(row, chosen: prompt[position + 1], count: top))
            }
        }
        return found
    }

    @Test("they are those of the model run by itself, bit by bit; without eviction also those of a dense cache")
    func direct() async throws {
        let model = try Serving.model()
        let requests = try Self.requests(8)
        let expected = try requests.map { request in
            let cache = CompactAttention(
                serving: model, configuration: CacheConfiguration(slotsPerPage: 4, rowsPerBlock: Serving.block))
            return try request.promptLogProbabilities.map { try Self.direct(model, request.prompt, cache, top: $0) }
                ?? []
        }
        let engine = try Engine(model, configuration: try Serving.configuration())
        #expect(try await Self.results(engine, requests) == expected)
        await engine.shutDown()
        for (request, scores) in zip(requests, expected) where request.promptLogProbabilities != nil {
            #expect(scores.count == request.prompt.count - 1)
        }

        let keeping = try Engine(model, configuration: try Serving.configuration(), eviction: .off)
        let found = try await Self.results(keeping, requests)
        await keeping.shutDown()
        for (request, scores) in zip(requests, found) where request.promptLogProbabilities != nil {
            let reference = try Self.direct(model, request.prompt, DenseAttention(model), eviction: .off, top: 3)
            #expect(scores.count == reference.count)
            for (one, other) in zip(scores, reference) {
                #expect(one.chosen.token == other.chosen.token)
                // FP32 sums in another order.
                #expect(abs(one.chosen.logProbability - other.chosen.logProbability) < 1e-4)
            }
        }
    }

    @Test("in any company, for few rows of logits at a time, and after preemption")
    func company() async throws {
        let model = try Serving.model()
        let requests = try Self.requests(12, tokens: 40)
        let keepsAll = EvictionControl.forced(Serving.RandomSource(rate: 0))
        let single = try Engine(
            model, configuration: try Serving.configuration(step: 8, running: 1, prefixes: 0), eviction: keepsAll)
        var expected: [[LogProbabilities]] = []
        for request in requests { expected += try await Self.results(single, [request]) }
        let budget = single.neededBytes(promptTokens: 30, maximumTokens: 40) * 3 / 4
        await single.shutDown()
        var preemptions = 0
        for (running, step) in [(2, 9), (3, 40), (8, 60)] {
            let plain = try Serving.configuration(step: step, running: running)
            let engine = try Engine(
                model,
                configuration: try Serving.configuration(
                    budget: budget + Serving.workspaceBytes(model, plain), step: step, running: running,
                    guaranteed: false), eviction: keepsAll)
            #expect(try await Self.results(engine, requests) == expected, "\(running) at a time")
            await engine.shutDown()
            #expect(engine.statistics.peakAllocatedBytes <= budget && engine.statistics.pagesInUse == 0)
            preemptions += engine.statistics.preemptions
        }
        #expect(preemptions > 0)
    }

    @Test("stored prefixes are not used, and what is told of a prompt comes before its continuation, once")
    func order() async throws {
        let model = try Serving.model()
        let engine = try Engine(model, configuration: try Serving.configuration())
        let prompt = Serving.prompt(30, seed: 77)
        let plain = try GenerationRequest(prompt: prompt, maximumTokens: 4)
        let first = try await engine.submit(plain).collect()
        #expect(first.promptLogProbabilities.isEmpty)
        #expect(try await engine.submit(plain).collect().summary.cachedTokens == 24)
        let scored = try GenerationRequest(prompt: prompt, maximumTokens: 4, promptLogProbabilities: 0)
        var kinds: [String] = []
        for try await event in try engine.submit(scored) {
            switch event {
            case .prompt(let scores):
                kinds.append("prompt")
                #expect(scores.map(\.chosen.token) == Array(prompt.dropFirst()))
                #expect(scores.allSatisfy { $0.top.isEmpty })
            case .token: kinds.append("token")
            case .cache: kinds.append("cache")
            case .finished(let summary):
                kinds.append("end")
                #expect(summary.cachedTokens == 0 && summary.reusedTokens == 0)
            }
        }
        #expect(kinds == ["prompt", "token", "token", "token", "token", "end"])
        #expect(try await engine.submit(plain).collect().tokens == first.tokens)
        await engine.shutDown()
    }

    @Test("values out of range, and a conversation's tokens, are refused by name")
    func refusals() throws {
        let error = #expect(throws: ParameterError.self) {
            try GenerationRequest(prompt: [1], maximumTokens: 1, promptLogProbabilities: 21)
        }
        #expect(error?.field == "promptLogProbabilities")
        #expect(throws: ParameterError.self) {
            try GenerationRequest(
                prompt: [1], maximumTokens: 1, promptLogProbabilities: 0, continuing: SessionName("talk"))
        }
    }
}
