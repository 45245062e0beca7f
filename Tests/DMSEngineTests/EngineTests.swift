import DMSJSON
import DMSModel
import DMSPolicy
import DMSTestSupport
import DMSTokenizer
import Testing

@testable import DMSEngine

/// Budgets, consumers that misbehave, ends of every kind.
@Suite("Engine")
struct EngineTests {
    private static func long(_ tokens: Int = 2000, prompt: Int = 5, timeLimit: Duration? = nil) throws
        -> GenerationRequest
    {
        try GenerationRequest(
            prompt: Serving.prompt(prompt, seed: 1), maximumTokens: tokens, timeLimit: timeLimit)
    }

    /// 4 KiB a token, so that conversations and not the slack of an arena fill a budget.
    private static func wideModel() throws -> LlamaModel {
        let shape = try TinyModel.configuration(
            layers: 4, hidden: 32, heads: 4, keyValueHeads: 4, headDimension: 32, feedForward: 40)
        return try TinyModel.make(shape, dms: try Serving.model().dms, seed: 5)
    }

    @Test("the budget that the largest request is said to need is enough for it in any company")
    func leastBudget() async throws {
        let model = try Self.wideModel()
        let plain = try Serving.configuration()
        let probe = try Engine(model, configuration: plain)
        let budget = probe.neededBytes(promptTokens: 41, maximumTokens: 62)
        await probe.shutDown()
        let configuration = try Serving.configuration(budget: budget + Serving.workspaceBytes(model, plain))
        for rate in [0, 4] {
            let engine = try Engine(
                model, configuration: configuration, eviction: .forced(Serving.RandomSource(rate: rate)))
            let outcomes = try await Serving.outcomes(engine, try Serving.requests(12, tokens: 60))
            #expect(outcomes.count == 12 && outcomes.allSatisfy { $0.reason == .length })
            await engine.shutDown()
            #expect(engine.statistics.peakAllocatedBytes <= budget && engine.statistics.pagesInUse == 0)
        }
    }

    @Test("a budget for two conversations, forty arriving: all complete, memory stays")
    func forty() async throws {
        let model = try Self.wideModel()
        let plain = try Serving.configuration()
        let keepsAll = EvictionControl.forced(Serving.RandomSource(rate: 0))
        let probe = try Engine(model, configuration: plain)
        let budget = 2 * probe.neededBytes(promptTokens: 41, maximumTokens: 62)
        await probe.shutDown()
        let configuration = try Serving.configuration(budget: budget + Serving.workspaceBytes(model, plain))
        let engine = try Engine(model, configuration: configuration, eviction: keepsAll)
        let requests = try Serving.requests(40, tokens: 60)
        let outcomes = try await Serving.outcomes(engine, requests)
        #expect(outcomes.count == 40)
        #expect(outcomes.allSatisfy { $0.reason == .length })
        #expect(zip(outcomes, requests).allSatisfy { $0.tokens.count == $1.maximumTokens })
        await engine.shutDown()
        let statistics = engine.statistics
        #expect(statistics.finished == [.length: 40] && statistics.failed == 0)
        #expect(statistics.peakAllocatedBytes <= budget && statistics.budgetBytes == budget)
        #expect(statistics.pagesInUse == 0 && statistics.liveBytes == 0)
        #expect(statistics.preemptions > 0)
        #expect(statistics.promptTokens == requests.reduce(0) { $0 + $1.prompt.count })
        #expect(statistics.generatedTokens == requests.reduce(0) { $0 + $1.maximumTokens })
        #expect(statistics.computedTokens >= statistics.promptTokens + statistics.generatedTokens - 40)
    }

    @Test("a consumer that does not read pauses its own stream and no other, and loses nothing")
    func slowReader() async throws {
        let model = try Serving.model()
        let engine = try Engine(model, configuration: try Serving.configuration(running: 2, buffered: 3))
        let request = try Self.long(60)
        let slow = try engine.submit(request)
        #expect(await comesTrue { engine.statistics.paused == 1 })
        // Two slots, one of them stalled: the others still come through, one after another if need be.
        let others = try await Serving.outcomes(engine, try Serving.requests(6))
        #expect(others.count == 6)
        #expect(engine.statistics.generatedTokens < 3 + 60 + 6 * 17)
        let late = Serving.Outcome(try await slow.collect())
        let expected = try await Serving.outcomes(engine, [request])
        #expect([late] == expected)
        await engine.shutDown()
    }

    @Test("nobody reads at all, and whoever comes next is served")
    func stalledReaders() async throws {
        let model = try Serving.model()
        let engine = try Engine(model, configuration: try Serving.configuration(running: 2, buffered: 2))
        let stalled = try (0..<5).map { _ in try engine.submit(try Self.long(50)) }
        #expect(await comesTrue { engine.statistics.paused == 5 })
        let outcome = try await Serving.outcomes(engine, [try Self.long(20)])
        #expect(outcome.map(\.tokens.count) == [20])
        let all = try await Serving.outcomes(stalled)
        #expect(Set(all).count == 1 && all[0].tokens.count == 50)
        await engine.shutDown()
    }

    @Test("cancelling the task, dropping the stream, cancelling by name")
    func cancellation() async throws {
        let model = try Serving.model()
        let engine = try Engine(model, configuration: try Serving.configuration())
        let stream = try engine.submit(try Self.long())
        let task = Task { try await stream.collect() }
        #expect(await comesTrue { engine.statistics.generatedTokens > 3 })
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(await comesTrue { engine.statistics.finished[.cancelled] == 1 })
        #expect(engine.statistics.running == 0)

        do {
            let dropped = try engine.submit(try Self.long())
            var iterator = dropped.makeAsyncIterator()
            _ = try await iterator.next()
        }
        #expect(await comesTrue { engine.statistics.finished[.cancelled] == 2 })

        let named = try engine.submit(try Self.long())
        named.cancel()
        #expect(try await named.collect().summary.reason == .cancelled)
        #expect(await comesTrue { engine.statistics.pagesInUse == 0 })
        // A task that is cancelled before it reads.
        let early = try engine.submit(try Self.long())
        let reader = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await early.collect()
        }
        await #expect(throws: CancellationError.self) { try await reader.value }
        #expect(await comesTrue { engine.statistics.finished[.cancelled] == 4 })
        await engine.shutDown()
    }

    @Test("a deadline ends what runs and what waits, with what there is so far")
    func deadlines() async throws {
        let model = try Serving.model()
        let engine = try Engine(model, configuration: try Serving.configuration(running: 1, buffered: 1))
        // It pauses for ever, because nobody reads; the other waits behind it.
        let first = try engine.submit(try Self.long(timeLimit: .milliseconds(150)))
        // Its own deadline is far, as a busy machine may leave this test alone for minutes.
        let second = try engine.submit(try Self.long(3, timeLimit: .seconds(36_000)))
        #expect(await comesTrue { engine.statistics.finished[.deadline] == 1 })
        let cut = try await first.collect()
        #expect(cut.summary.reason == .deadline && !cut.tokens.isEmpty && cut.tokens.count < 2000)
        #expect(cut.summary.firstTokenSeconds ?? 0 <= cut.summary.totalSeconds)
        #expect(try await second.collect().summary.reason == .length)
        await engine.shutDown()
    }

    @Test("shutting down: at once, with grace, and with a consumer that never reads")
    func shutDown() async throws {
        let model = try Serving.model()
        let engine = try Engine(model, configuration: try Serving.configuration())
        let cut = try engine.submit(try Self.long())
        #expect(await comesTrue { engine.statistics.generatedTokens > 3 })
        await engine.shutDown()
        await #expect(throws: EngineError.shutDown) { try await cut.collect() }
        #expect(throws: EngineError.shutDown) { try engine.submit(try Self.long()) }
        #expect(engine.statistics.pagesInUse == 0 && engine.statistics.failed == 1)
        await engine.shutDown()

        let graceful = try Engine(model, configuration: try Serving.configuration())
        let streams = try Serving.requests(6).map { try graceful.submit($0) }
        await graceful.shutDown(gracePeriod: .seconds(600))
        #expect(try await Serving.outcomes(streams).allSatisfy { $0.reason == .length })

        let stalled = try Engine(model, configuration: try Serving.configuration(buffered: 1))
        let unread = try stalled.submit(try Self.long())
        await stalled.shutDown(gracePeriod: .milliseconds(50))
        await #expect(throws: EngineError.shutDown) { try await unread.collect() }
    }

    @Test("what can never be served is refused by name")
    func refusals() async throws {
        let model = try Serving.model()
        let plain = try Serving.configuration(running: 1, waiting: 1)
        let workspace = Serving.workspaceBytes(model, plain)
        #expect(throws: ParameterError.self) {
            try Engine(model, configuration: try Serving.configuration(budget: workspace, running: 1))
        }
        let engine = try Engine(
            model, configuration: try Serving.configuration(budget: workspace + 300_000, running: 1, waiting: 1))
        let needed = engine.neededBytes(promptTokens: 5, maximumTokens: 2000)
        #expect(throws: EngineError.overBudget(neededBytes: needed, budgetBytes: 300_000)) {
            try engine.submit(try Self.long())
        }
        let outside = try GenerationRequest(prompt: [1, 97], maximumTokens: 1)
        #expect(throws: ParameterError.self) { try engine.submit(outside) }
        #expect(throws: PromptError.tooLong(tokens: 4097, limit: 4096)) {
            try engine.submit(try Self.long(1, prompt: 4097))
        }
        let stops = try GenerationRequest(prompt: [1], maximumTokens: 1, stopStrings: ["x"])
        #expect(throws: ParameterError.self) { try engine.submit(stops) }
        #expect(throws: PromptError.empty) { try GenerationRequest(prompt: [], maximumTokens: 1) }
        #expect(throws: ParameterError.self) { try GenerationRequest(prompt: [1], maximumTokens: 0) }
        #expect(throws: ParameterError.self) {
            try GenerationRequest(prompt: [1], maximumTokens: 1, logProbabilities: 21)
        }
        #expect(throws: ParameterError.self) { try EngineConfiguration(tokensPerStep: 64, maximumRunning: 2) }
        await engine.shutDown()

        let busy = try Engine(model, configuration: try Serving.configuration(running: 1, waiting: 1, buffered: 1))
        let open = try (0..<2).map { _ in try busy.submit(try Self.long()) }
        #expect(throws: EngineError.overloaded(limit: 2)) { try busy.submit(try Self.long()) }
        for stream in open { stream.cancel() }
        #expect(await comesTrue { busy.statistics.finished[.cancelled] == 2 })
        #expect(try await busy.submit(try Self.long(1)).collect().tokens.count == 1)
        await busy.shutDown()
    }

    @Test("without the guarantee, what turns out not to fit ends as such and harms nobody")
    func memoryLimit() async throws {
        let model = try Serving.model()
        let plain = try Serving.configuration(guaranteed: false)
        let budget = Serving.workspaceBytes(model, plain) + 300_000
        let configuration = try Serving.configuration(budget: budget, guaranteed: false)
        let greedy = try Engine(
            model, configuration: configuration, eviction: .forced(Serving.RandomSource(rate: 0)))
        let large = try greedy.submit(try Self.long(4000))
        let others = try await Serving.outcomes(greedy, try Serving.requests(4))
        #expect(others.allSatisfy { $0.reason == .length })
        let result = try await large.collect()
        #expect(result.summary.reason == .memoryLimit && result.tokens.count > 50)
        await greedy.shutDown()
        #expect(greedy.statistics.peakAllocatedBytes <= 300_000)
        // The same request runs to its end where its gate evicts.
        let frugal = try Engine(
            model, configuration: configuration, eviction: .forced(Serving.RandomSource(rate: 8)))
        #expect(try await frugal.submit(try Self.long(1500)).collect().summary.reason == .length)
        await frugal.shutDown()
    }

    @Test("text, stop strings and end tokens are those of the generator of one text", arguments: 0..<6 as Range<UInt64>)
    func text(seed: UInt64) async throws {
        let model = try Serving.model(vocabulary: ByteTokenizer.vocabulary.count, seed: 11)
        let tokenizer = try Tokenizer(json: Array(JSONValue.object(ByteTokenizer.file).text().utf8))
        let prompt = tokenizer.encode("hello, wörld")
        let sampling = try SamplingParameters(temperature: 3, seed: seed)
        let engine = try Engine(model, tokenizer: tokenizer, configuration: try Serving.configuration())
        func result(_ stops: [String], end: Set<Int32> = []) async throws -> GenerationStream.Result {
            try await engine.submit(
                try GenerationRequest(
                    prompt: prompt, sampling: sampling, maximumTokens: 60, endTokens: end, stopStrings: stops)
            ).collect()
        }
        let all = try await result([])
        #expect(try all.text == tokenizer.decode(all.tokens, skipSpecialTokens: true))
        let scalars = Array(all.text.unicodeScalars)
        let stop = String(String.UnicodeScalarView(scalars[10..<12]))
        let cut = try await result(["never there", stop])
        #expect(cut.summary.reason == .stopString)
        let bytes = Array(all.text.utf8)
        let wanted = Array(stop.utf8)
        let position = bytes.indices.first { bytes[$0...].starts(with: wanted) }
        #expect(Array(cut.text.utf8) == Array(bytes.prefix(position ?? 0)))
        #expect(all.tokens.starts(with: cut.tokens) && cut.tokens.count < 60)
        let ended = try await result([], end: [all.tokens[9]])
        #expect(ended.summary.reason == .stop && ended.tokens.last == all.tokens[9])
        await engine.shutDown()
    }

    @Test("an engine that is dropped ends its requests")
    func dropped() async throws {
        let model = try Serving.model()
        var engine: Engine? = try Engine(model, configuration: try Serving.configuration())
        let stream = try #require(try engine?.submit(try Self.long()))
        engine = nil
        await #expect(throws: EngineError.shutDown) { try await stream.collect() }
    }
}
