import DMSCache
import DMSCheckpoint
import DMSModel
import DMSTensor
import DMSTestSupport
import Testing

@testable import DMSEngine

/// What holds of an engine holds whatever dialect a checkpoint speaks; its own gates decide.
@Suite("Dialects")
struct DialectTests {
    private static let fingerprint = ModelFingerprint(weightsSHA256: "weights", configurationSHA256: "configuration")

    @Test("alone as in company, and after preemption", arguments: Dialect.allCases)
    func company(dialect: Dialect) async throws {
        let model = try Serving.model(dialect, window: 7)
        let requests = try Serving.requests(8, tokens: 140)
        let expected = try await Serving.alone(model, requests)
        #expect(try await Serving.alone(model, requests, eviction: .off) != expected, "a gate that does nothing")
        var preemptions = 0
        for step in [15, 40] {
            let plain = try Serving.configuration(step: step)
            let engine = try Engine(
                model,
                configuration: try Serving.configuration(
                    budget: 50_000 + Serving.workspaceBytes(model, plain), step: step, guaranteed: false))
            #expect(try await Serving.outcomes(engine, requests) == expected)
            await engine.shutDown()
            preemptions += engine.statistics.preemptions
        }
        #expect(preemptions > 0)
    }

    @Test("with a stored prefix as without", arguments: Dialect.allCases, [0, 5])
    func prefixes(dialect: Dialect, window: Int) async throws {
        let model = try Serving.model(dialect, window: window)
        let requests = try PrefixTests.family(9)
        let expected = try await Serving.alone(model, requests)
        let engine = try Engine(model, configuration: try Serving.configuration(step: 60, prefixes: 30))
        for (request, outcome) in zip(requests, expected) {
            #expect(try await Serving.outcomes(engine, [request]) == [outcome])
        }
        await engine.shutDown()
        #expect(engine.statistics.prefixHits >= 6)
    }

    /// Each session ends with a token about which nobody has decided yet, where the next one decides.
    @Test("in saved pieces as at once", arguments: Dialect.allCases, [0, 5])
    func sessions(dialect: Dialect, window: Int) async throws {
        let model = try Serving.model(dialect, window: window)
        let folder = try TemporaryFolder()
        let name = try SessionName("talk")
        func result(_ prompt: [Int32], _ tokens: Int, isFirst: Bool) async throws -> GenerationStream.Result {
            // A new engine each time: only the file knows.
            let engine = try Engine(
                model, configuration: try Serving.configuration(),
                sessions: SessionFolder(path: folder.path, fingerprint: Self.fingerprint))
            let result = try await engine.submit(
                try GenerationRequest(
                    prompt: prompt, maximumTokens: tokens, logProbabilities: 2, continuing: isFirst ? nil : name,
                    saving: name)
            ).collect()
            await engine.shutDown()
            return result
        }
        let prompt = Serving.prompt(21, seed: 5)
        let whole = try await result(prompt, 40, isFirst: true)
        var tokens: [Int32] = []
        var probabilities: [LogProbabilities] = []
        for part in [7, 1, 12, 20] {
            let piece = try await result(tokens.isEmpty ? prompt : [], part, isFirst: tokens.isEmpty)
            tokens += piece.tokens
            probabilities += piece.logProbabilities
        }
        #expect(tokens == whole.tokens && probabilities == whole.logProbabilities)
    }

    @Test("with guesses as without", arguments: Dialect.allCases)
    func speculation(dialect: Dialect) async throws {
        let model = try Serving.model(dialect, window: 4)
        let requests = try Serving.requests(8, tokens: 40)
        let expected = try await Serving.alone(model, requests)
        let parameters = try SpeculationParameters(
            maximumDraft: 4, shortestMatch: 1, longestMatch: 4, maximumStreams: 8)
        let engine = try Engine(model, configuration: try Serving.configuration(speculation: parameters))
        #expect(try await Serving.outcomes(engine, requests) == expected)
        await engine.shutDown()
        #expect(engine.statistics.speculation.proposedTokens > 20)
    }
}
