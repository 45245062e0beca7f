import DMSCache
import DMSCheckpoint
import DMSGrammar
import DMSJSON
import DMSModel
import DMSTestSupport
import DMSTokenizer
import Testing

@testable import DMSEngine

/// Continuations that must be texts of a grammar.
@Suite("Constraints")
struct ConstraintTests {
    /// Schemas whose texts have an end, however a random model goes on, and what is true of their values.
    private static let schemas: [(text: String, holds: @Sendable (JSONValue) -> Bool)] = [
        (
            #"{"enum":["red","green",17,null]}"#,
            { ([.string("red"), .string("green"), .integer(17), .null] as [JSONValue]).contains($0) }
        ),
        (
            #"{"properties":{"ok":{"type":"boolean"},"name":{"type":"string","maxLength":4}},"required":["ok","name"]}"#,
            { value in
                let object = value.objectValue
                return object?.keys == ["ok", "name"] && object?["ok"]?.boolValue != nil
                    && (object?["name"]?.stringValue?.unicodeScalars.count ?? 9) <= 4
            }
        ),
        (
            #"{"type":"array","items":{"enum":["a","b"]},"minItems":2,"maxItems":5}"#,
            { (2...5).contains($0.arrayValue?.count ?? 0) }
        ),
        (
            #"{"type":"object","properties":{"a":{"const":1},"b":{"type":"null"},"c":{"type":"boolean"}}}"#,
            { Set($0.objectValue?.keys ?? ["?"]).isSubset(of: ["a", "b", "c"]) }
        ),
    ]

    private static func tokenizer() throws -> Tokenizer {
        try Tokenizer(json: Array(JSONValue.object(ByteTokenizer.file).text().utf8))
    }

    /// Keeps half, so that memory is short.
    private static let eviction = EvictionControl.forced(Serving.RandomSource(rate: 4))

    private static func model() throws -> LlamaModel {
        try Serving.model(vocabulary: ByteTokenizer.vocabulary.count, seed: 11)
    }

    /// Requests of every schema, greedy and sampled in turn, with one that has none among them.
    private static func requests(_ count: Int, cacheSalt: String? = nil) throws -> [GenerationRequest] {
        try (0..<count).map { index in
            let sampling =
                index % 2 == 0
                ? SamplingParameters.greedy
                : try SamplingParameters(
                    temperature: 1.3, topK: index % 3 == 0 ? 9 : nil, topP: 0.97, repetitionPenalty: 1.1,
                    logitBias: [5: 100], seed: UInt64(index))
            let schema = schemas[index / 2 % schemas.count].text
            return try GenerationRequest(
                prompt: Serving.prompt([13, 1, 9, 8, 30, 17][index % 6], seed: UInt64(index + 1)), sampling: sampling,
                maximumTokens: index % 9 == 8 ? 40 : 200, endTokens: [1], logProbabilities: 2,
                grammar: index % 9 == 8 ? nil : Grammar(schema: JSONReader.parse(schema)), cacheSalt: cacheSalt)
        }
    }

    private static func alone(_ requests: [GenerationRequest]) async throws -> [Serving.Outcome] {
        let engine = try Engine(
            try model(), tokenizer: try tokenizer(),
            configuration: try Serving.configuration(step: 8, running: 1, prefixes: 0), eviction: eviction)
        var outcomes: [Serving.Outcome] = []
        for request in requests { outcomes += try await Serving.outcomes(engine, [request]) }
        await engine.shutDown()
        return outcomes
    }

    @Test("every text is complete and what its schema says")
    func texts() async throws {
        let requests = try Self.requests(32)
        let outcomes = try await Self.alone(requests)
        var texts: Set<String> = []
        for (index, outcome) in outcomes.enumerated() where requests[index].grammar != nil {
            #expect(outcome.reason == .stop, "\(outcome.text)")
            let value = try JSONReader.parse(outcome.text)
            #expect(Self.schemas[index / 2 % Self.schemas.count].holds(value), "\(outcome.text)")
            texts.insert(outcome.text)
        }
        #expect(texts.count > 8)
    }

    @Test("the generator of one text gives the same")
    func generator() async throws {
        let requests = try Self.requests(9)
        let model = try Self.model()
        let index = VocabularyIndex(try Self.tokenizer(), vocabularySize: model.configuration.vocabularySize)
        var expected: [[Int32]] = []
        for request in requests {
            let cache = CompactAttention(
                serving: model, configuration: CacheConfiguration(slotsPerPage: 4, rowsPerBlock: Serving.block))
            let constraint = request.grammar.map {
                OutputConstraint(TokenGrammar($0, index), endTokens: request.endTokens)
            }
            var generator = try TokenGenerator(
                model, attention: cache, prompt: request.prompt,
                parameters: try GenerationParameters(
                    sampling: request.sampling, maximumTokens: request.maximumTokens, endTokens: request.endTokens,
                    prefillChunk: Serving.block), constraint: constraint, eviction: Self.eviction)
            while try generator.next() != nil {}
            expected.append(generator.tokens)
        }
        #expect(try await Self.alone(requests).map(\.tokens) == expected)
    }

    @Test("in company, with prefixes, and after preemption, 30 seeded schedules")
    func schedules() async throws {
        // Constrained texts are short, so it is others that take the memory away.
        let long = try (0..<5).map { index in
            try GenerationRequest(prompt: Serving.prompt(9, seed: UInt64(40 + index)), maximumTokens: 150)
        }
        let requests = try Self.requests(10) + long
        let expected = try await Self.alone(requests)
        let model = try Self.model()
        var preemptions = 0
        var guessed = 0
        for seed in 0..<30 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let running = Int.random(in: 1...8, using: &random)
            let step = running - 1 + Serving.block + Int.random(in: 0...30, using: &random)
            // A guess is held against what the constraint leaves, as any token is.
            let guesses = seed % 3 == 0 ? try SpeculationParameters(maximumDraft: 3, maximumStreams: 2) : nil
            let plain = try Serving.configuration(step: step, running: running, speculation: guesses)
            let budget = 50_000 + Int.random(in: 0...10_000, using: &random)
            let engine = try Engine(
                model, tokenizer: try Self.tokenizer(),
                configuration: try Serving.configuration(
                    budget: budget + Serving.workspaceBytes(model, plain), step: step, running: running,
                    guaranteed: false, speculation: guesses), eviction: Self.eviction)
            var streams: [GenerationStream] = []
            for request in requests {
                streams.append(try engine.submit(request))
                // Dropped at once, or after some steps.
                if Bool.random(using: &random) {
                    _ = try engine.submit(requests[Int.random(in: 0..<requests.count, using: &random)])
                }
                if Bool.random(using: &random) { await Task.yield() }
            }
            #expect(try await Serving.outcomes(streams) == expected, "seed \(seed)")
            await engine.shutDown()
            #expect(engine.statistics.peakAllocatedBytes <= budget && engine.statistics.pagesInUse == 0)
            preemptions += engine.statistics.preemptions
            guessed += engine.statistics.speculation.acceptedTokens
        }
        #expect(preemptions > 0 && guessed > 0)
    }

    @Test("stop strings, limits and end tokens end a text as they always do")
    func ends() async throws {
        let model = try Self.model()
        let engine = try Engine(model, tokenizer: try Self.tokenizer(), configuration: try Serving.configuration())
        func result(
            _ schema: String, stop: [String] = [], most: Int = 300, bias: [Int32: Double] = [:]
        ) async throws -> GenerationStream.Result {
            try await engine.submit(
                try GenerationRequest(
                    prompt: [0, 9], sampling: try SamplingParameters(logitBias: bias), maximumTokens: most,
                    endTokens: [1], stopStrings: stop, grammar: Grammar(schema: JSONReader.parse(schema)))
            ).collect()
        }
        let object = #"{"properties":{"flag":{"type":"boolean"}},"required":["flag"]}"#
        let cut = try await result(object, stop: ["\":"])
        #expect(cut.summary.reason == .stopString && cut.text.hasSuffix("\"flag") && cut.text.hasPrefix("{"))
        // A stop string that ends where the text does.
        #expect(try await result(object, stop: ["}"]).summary.reason == .stopString)
        #expect(try await result(object, most: 3).summary.reason == .length)
        // Whatever speaks for the end token, it cannot be chosen before the end.
        let number = try await result(#"{"type":"integer"}"#, bias: [1: 100])
        #expect(number.summary.reason == .stop && number.tokens.last == 1 && Int(number.text) != nil)
        #expect(number.text.count <= 2)
        await engine.shutDown()
    }

    @Test("a text that cannot go on is an error of that request and of no other")
    func deadEnd() async throws {
        // Bytes up to 94, and no brace among them.
        let model = try Serving.model()
        let engine = try Engine(model, tokenizer: try Self.tokenizer(), configuration: try Serving.configuration())
        let neighbour = try GenerationRequest(prompt: [4, 5], maximumTokens: 30)
        let expected = try await Serving.outcomes(engine, [neighbour])
        let other = try engine.submit(neighbour)
        let stuck = try engine.submit(GenerationRequest(prompt: [4, 5], maximumTokens: 9, grammar: .jsonObject))
        await #expect(throws: ConstraintError.deadEnd) { try await stuck.collect() }
        #expect(try await Serving.outcomes([other]) == expected)
        await engine.shutDown()
        #expect(engine.statistics.failed == 1 && engine.statistics.pagesInUse == 0)

        let untold = try Engine(try Serving.model(), configuration: try Serving.configuration())
        #expect(throws: ParameterError.self) {
            try untold.submit(GenerationRequest(prompt: [4], maximumTokens: 9, grammar: .jsonObject))
        }
        await untold.shutDown()
    }

    @Test("values that have to be within each other for ever come to an error, not to a hang")
    func endless() async throws {
        let engine = try Engine(
            try Self.model(), tokenizer: try Self.tokenizer(), configuration: try Serving.configuration())
        let schema = ##"{"properties":{"a":{"$ref":"#"}},"required":["a"]}"##
        let request = try GenerationRequest(
            // Spaces would only take time.
            prompt: [0, 9], sampling: try SamplingParameters(logitBias: [34: -100, 12: -100]), maximumTokens: 4000,
            endTokens: [1], grammar: Grammar(schema: JSONReader.parse(schema)))
        await #expect(throws: ConstraintError.deadEnd) { try await engine.submit(request).collect() }
        await engine.shutDown()
    }
}
