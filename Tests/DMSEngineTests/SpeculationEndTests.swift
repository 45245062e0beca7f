import DMSCache
import DMSCheckpoint
import DMSJSON
import DMSModel
import DMSTensor
import DMSTestSupport
import DMSTokenizer
import Foundation
import Testing

@testable import DMSEngine

/// Ends in the middle of a guess: stop strings, end tokens, sessions, and the generator of one sequence.
@Suite("Ends of guesses")
struct SpeculationEndTests {
    private static let fingerprint = ModelFingerprint(weightsSHA256: "weights", configurationSHA256: "configuration")

    private static func tokenizer() throws -> Tokenizer {
        try Tokenizer(json: Array(JSONValue.object(ByteTokenizer.file).text().utf8))
    }

    /// A few letters, drawn by a seed: many guesses are right, and stop strings occur.
    private static func request(
        _ tokenizer: Tokenizer, seed: UInt64, tokens: Int = 60, stops: [String] = [], ends: Set<Int32> = [],
        continuing: SessionName? = nil, saving: SessionName? = nil
    ) throws -> GenerationRequest {
        let letters = tokenizer.encode("abc", addSpecialTokens: false)
        let sampling = try SamplingParameters(
            temperature: 1, presencePenalty: 0.1,
            logitBias: Dictionary(letters.map { ($0, 40) }, uniquingKeysWith: { first, _ in first }), seed: seed)
        return try GenerationRequest(
            prompt: tokenizer.encode("abcab cab bacab abc", addSpecialTokens: false), sampling: sampling,
            maximumTokens: tokens, endTokens: ends, stopStrings: stops, logProbabilities: 2, continuing: continuing,
            saving: saving)
    }

    @Test("text, stop strings, end tokens and saved sessions are the same to the byte", arguments: [0, 1])
    func ends(shift: Int) async throws {
        let tokenizer = try Self.tokenizer()
        let model = try Serving.model(window: 6, shift: shift, vocabulary: ByteTokenizer.vocabulary.count)
        let eviction = EvictionControl.forced(Serving.RandomSource(rate: 4))
        func engine(_ folder: TemporaryFolder, _ speculation: SpeculationParameters?) throws -> Engine {
            try Engine(
                model, tokenizer: tokenizer, configuration: try Serving.configuration(speculation: speculation),
                sessions: SessionFolder(path: folder.path, fingerprint: Self.fingerprint), eviction: eviction)
        }
        let end = try #require(tokenizer.encode("c", addSpecialTokens: false).first)
        func requests() throws -> [GenerationRequest] {
            try (0..<24).map { index in
                let stops = [[], ["ca"], ["abc", "bb"], ["cab"], ["acc"], ["bbbb"]][index % 6]
                return try Self.request(
                    tokenizer, seed: UInt64(index), tokens: 5 + index * 3, stops: stops,
                    ends: index % 5 == 4 ? [end] : [], saving: try SessionName("talk-\(index)"))
            }
        }
        let quiet = try TemporaryFolder()
        let plain = try engine(quiet, nil)
        let expected = try await Serving.outcomes(plain, try requests())
        #expect(Set(expected.map(\.reason)) == [.length, .stopString, .stop])
        await plain.shutDown()
        for draft in [1, 3, 8] {
            let folder = try TemporaryFolder()
            let guessing = try engine(
                folder, try SpeculationParameters(maximumDraft: draft, shortestMatch: 1, maximumStreams: 8))
            #expect(try await Serving.outcomes(guessing, try requests()) == expected)
            for index in 0..<24 {
                let name = "talk-\(index).session"
                let saved = FileManager.default.contents(atPath: folder.file(name))
                #expect(saved != nil && saved == FileManager.default.contents(atPath: quiet.file(name)))
            }
            // What was saved goes on with guesses, which look the whole conversation up.
            let name = try SessionName("talk-0")
            let next = try Self.request(tokenizer, seed: 99, tokens: 30, continuing: name)
            let without = try engine(quiet, nil)
            let continued = try await Serving.outcomes(without, [next])
            #expect(try await Serving.outcomes(guessing, [next]) == continued)
            await without.shutDown()
            await guessing.shutDown()
            let counts = guessing.statistics.speculation
            #expect(counts.acceptedTokens > 50 && counts.proposedTokens > counts.acceptedTokens + 50, "\(counts)")
        }
    }

    // MARK: One sequence

    private struct Run: Equatable {
        var tokens: [Int32] = []
        var text = ""
        var reason: FinishReason?
        var cached = 0
        var passes = 0
    }

    private static func generate(
        _ model: LlamaModel, _ tokenizer: Tokenizer, _ request: GenerationRequest, _ speculation: SpeculationParameters?
    ) throws -> (run: Run, counts: SpeculationCounts) {
        let cache = CompactAttention(
            serving: model,
            configuration: CacheConfiguration(
                slotsPerPage: 4, rowsPerBlock: 8, draftRows: speculation?.maximumDraft ?? 0))
        let parameters = try GenerationParameters(
            sampling: request.sampling, maximumTokens: request.maximumTokens, endTokens: request.endTokens,
            prefillChunk: 8)
        let tokens = try TokenGenerator(
            model, attention: cache, prompt: request.prompt, parameters: parameters,
            eviction: .forced(Serving.RandomSource(rate: 4)), speculation: speculation)
        var generator = try TextGenerator(tokens, tokenizer: tokenizer, stopStrings: request.stopStrings)
        var run = Run()
        while let piece = try generator.next() { run.text += piece }
        run.tokens = generator.tokens
        run.reason = generator.finishReason
        run.cached = cache.tokenCount(of: 0)
        run.passes = generator.decodePasses
        try cache.checkInvariants()
        // Refused if a guess were left open.
        try cache.fork(0, as: 1)
        return (run, generator.speculationCounts)
    }

    @Test("the generator of one sequence gives the same with guesses, and its cache ends where it should")
    func generator() throws {
        let tokenizer = try Self.tokenizer()
        let model = try Serving.model(window: 6, vocabulary: ByteTokenizer.vocabulary.count)
        let end = try #require(tokenizer.encode("c", addSpecialTokens: false).first)
        var accepted = 0
        for index in 0..<30 {
            let stops = [[], ["ca"], ["abc", "bb"], ["cab"], ["acc"], ["bbbb"]][index % 6]
            let request = try Self.request(
                tokenizer, seed: UInt64(index), tokens: 1 + index * 2, stops: stops, ends: index % 5 == 4 ? [end] : [])
            let (plain, none) = try Self.generate(model, tokenizer, request, nil)
            #expect(none == SpeculationCounts())
            #expect(plain.cached == request.prompt.count + plain.tokens.count - 1)
            for draft in [1, 2, 6] {
                let parameters = try SpeculationParameters(maximumDraft: draft, shortestMatch: 1)
                let (guessed, counts) = try Self.generate(model, tokenizer, request, parameters)
                var run = guessed
                #expect(counts.acceptedTokens == plain.passes - run.passes)
                accepted += counts.acceptedTokens
                run.passes = plain.passes
                #expect(run == plain)
            }
        }
        #expect(accepted > 100)
    }

    @Test("an operator that takes no drafts is refused")
    func refusals() throws {
        let model = try Serving.model()
        let parameters = try GenerationParameters(maximumTokens: 3)
        let speculation = try SpeculationParameters(maximumDraft: 4)
        let small = CompactAttention(serving: model, configuration: CacheConfiguration(draftRows: 3))
        for attention in [DenseAttention(model), small] as [any AttentionOperator] {
            #expect(throws: ParameterError.self) {
                _ = try TokenGenerator(
                    model, attention: attention, prompt: [1], parameters: parameters, speculation: speculation)
            }
        }
    }
}
