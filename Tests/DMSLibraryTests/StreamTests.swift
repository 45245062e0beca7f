import DMSEngine
import DMSTensor
import DMSTokenizer
import Testing

/// What the library's first page promises, with nothing but its public declarations.
@Suite("A text from a folder")
struct StreamTests {
    @Test("five lines from import to an answer")
    func answer() async throws {
        let engine = try Engine(directory: Models.shipped, threads: 1)
        var answer = ""
        for try await piece in try engine.stream(Models.question, maximumTokens: 2, stopStrings: ["."]) {
            answer += piece
        }
        #expect(answer == " pillow")
    }

    @Test("pieces are the text of the tokens that the request gives by hand")
    func pieces() async throws {
        let folder = try TemporaryFolder()
        try Models.makeRandom(in: folder.path)
        let loaded = try LoadedModel(directory: folder.path, precision: .fp32, threads: 1)
        let engine = try Engine(loaded)
        let sampling = try SamplingParameters(temperature: 1, seed: 4)
        let stream = try engine.stream("A text.", maximumTokens: 40, sampling: sampling)
        var pieces: [String] = []
        for try await piece in stream { pieces.append(piece) }
        let request = try GenerationRequest(
            prompt: loaded.tokenizer.encode("A text."), sampling: sampling, maximumTokens: 40)
        let result = try await engine.submit(request).collect()
        #expect(pieces.joined() == (try loaded.tokenizer.decode(result.tokens, skipSpecialTokens: true)))
        #expect(!pieces.contains(""))
        let summary = try #require(stream.summary)
        #expect(summary.reason == .length && summary.generatedTokens == 40)
        #expect(summary.promptTokens == request.prompt.count)
        await engine.shutDown()
    }

    @Test("while a stream is read its engine lives")
    func lifetime() async throws {
        func stream() throws -> TextStream {
            try Engine(directory: Models.shipped, threads: 1).stream(Models.question, maximumTokens: 10)
        }
        let stream = try stream()
        #expect(stream.summary == nil)
        for try await _ in stream {}
        #expect(stream.summary?.generatedTokens == 10)
    }

    @Test("a cancelled task ends its request, and no other")
    func cancellation() async throws {
        let folder = try TemporaryFolder()
        try Models.makeRandom(in: folder.path, positions: 1 << 20)
        let engine = try Engine(directory: folder.path, precision: .fp32, threads: 1)
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        let reader = Task {
            for try await _ in try engine.stream("Without end.", maximumTokens: 1 << 19) { start.yield() }
        }
        let other = try engine.stream("Another.", maximumTokens: 64)
        for await _ in started { break }
        reader.cancel()
        await #expect(throws: CancellationError.self) { try await reader.value }
        for try await _ in other {}
        #expect(other.summary?.reason == .length)
        // A request that was not cancelled would be ended by this, and counted as something else.
        await engine.shutDown()
        #expect(engine.statistics.finished[.cancelled] == 1)
        #expect(engine.statistics.running == 0)
    }

    @Test("a stream that is told to end says so")
    func ending() async throws {
        let folder = try TemporaryFolder()
        try Models.makeRandom(in: folder.path, positions: 1 << 20)
        let engine = try Engine(directory: folder.path, precision: .fp32, threads: 1)
        let stream = try engine.stream("Without end.", maximumTokens: 1 << 19)
        for try await _ in stream { stream.cancel() }
        #expect(stream.summary?.reason == .cancelled)
        await engine.shutDown()
    }

    @Test("a stream tells what it holds, where it is asked to")
    func memory() async throws {
        let engine = try Engine(directory: Models.shipped, threads: 1)
        let text = "The password is pillow. " + String(repeating: "The grass is green. ", count: 40) + "The password is"
        let stream = try engine.stream(text, maximumTokens: 2, reportsCache: true)
        #expect(stream.cache == nil)
        for try await _ in stream {}
        let cache = try #require(stream.cache)
        let summary = try #require(stream.summary)
        // The last token was chosen and not run.
        #expect(cache.tokens == summary.promptTokens + summary.generatedTokens - 1)
        #expect(cache.liveRatio > 2)
        #expect(abs(cache.liveRatio - Double(cache.denseBytes) / Double(cache.liveBytes)) < 1e-9)
        let silent = try engine.stream(Models.question, maximumTokens: 2)
        for try await _ in silent {}
        #expect(silent.cache == nil && silent.summary != nil)
        await engine.shutDown()
    }

    @Test("a stream ends when its time is over")
    func timeLimit() async throws {
        let folder = try TemporaryFolder()
        try Models.makeRandom(in: folder.path, positions: 1 << 20)
        let engine = try Engine(directory: folder.path, precision: .fp32, threads: 1)
        let stream = try engine.stream("Without end.", maximumTokens: 1 << 19, timeLimit: .milliseconds(50))
        for try await _ in stream {}
        #expect(stream.summary?.reason == .deadline)
        #expect(throws: ParameterError.self) { try engine.stream("A text", timeLimit: .zero) }
        await engine.shutDown()
    }

    @Test("an engine that takes no more says so before it looks at the text")
    func closed() async throws {
        let engine = try Engine(directory: Models.shipped, threads: 1)
        await engine.shutDown()
        #expect(throws: EngineError.shutDown) { try engine.stream(String(repeating: "word ", count: 4000)) }
    }

    @Test("what cannot be is refused before anything is computed")
    func refusals() async throws {
        let loaded = try LoadedModel(directory: Models.shipped, threads: 1)
        let engine = try Engine(loaded, configuration: EngineConfiguration(budgetBytes: 64 << 20))
        #expect(throws: ParameterError.self) { try engine.stream("A text", maximumTokens: 0) }
        #expect(throws: ParameterError.self) { try engine.stream("A text", stopStrings: [""]) }
        #expect(throws: PromptError.self) { try engine.stream(String(repeating: "word ", count: 4000)) }
        let name = try SessionName("a")
        #expect(throws: ParameterError.self) { try engine.stream("A text", saving: name) }
        let mute = try Engine(loaded.model, configuration: EngineConfiguration())
        #expect(throws: ParameterError.self) { try mute.stream("A text") }
        await engine.shutDown()
    }
}
