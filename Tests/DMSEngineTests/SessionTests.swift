import DMSCache
import DMSCheckpoint
import DMSModel
import DMSTensor
import DMSTestSupport
import Foundation
import Testing

@testable import DMSEngine

/// Conversations that are saved, and go on as if they had never been interrupted.
@Suite("Sessions")
struct SessionTests {
    private static let fingerprint = ModelFingerprint(weightsSHA256: "weights", configurationSHA256: "configuration")

    private static func engine(
        _ model: LlamaModel, _ folder: TemporaryFolder, _ configuration: EngineConfiguration? = nil,
        fingerprint: ModelFingerprint = fingerprint, rate: Int = 5
    ) throws -> Engine {
        try Engine(
            model, configuration: try configuration ?? Serving.configuration(),
            sessions: SessionFolder(path: folder.path, fingerprint: fingerprint),
            eviction: .forced(Serving.RandomSource(rate: rate)))
    }

    private static func request(
        _ prompt: [Int32], _ tokens: Int, continuing: SessionName? = nil, saving: SessionName? = nil
    ) throws -> GenerationRequest {
        try GenerationRequest(
            prompt: prompt, maximumTokens: tokens, logProbabilities: 2, continuing: continuing, saving: saving)
    }

    @Test("in pieces as at once, whatever is decided and stored", arguments: [0, 1], [ScalarType.float32, .int8])
    func pieces(shift: Int, type: ScalarType) async throws {
        for window in [0, 4, 40] {
            let model = try Serving.model(window: window, shift: shift)
            let folder = try TemporaryFolder()
            let name = try SessionName("talk-1")
            let configuration = try Serving.configuration(kvType: type)
            let prompt = Serving.prompt(21, seed: 5)
            let once = try Self.engine(model, folder, configuration)
            let whole = try await once.submit(try Self.request(prompt, 60)).collect()
            await once.shutDown()
            var tokens: [Int32] = []
            var probabilities: [LogProbabilities] = []
            for part in [7, 1, 30, 22] {
                // A new engine each time: only the file knows.
                let engine = try Self.engine(model, folder, configuration)
                let isFirst = tokens.isEmpty
                let request = try Self.request(
                    isFirst ? prompt : [], part, continuing: isFirst ? nil : name, saving: name)
                let result = try await engine.submit(request).collect()
                #expect(result.summary.promptTokens == (isFirst ? 21 : 0))
                #expect(result.summary.reusedTokens == (isFirst ? 0 : 21 + tokens.count - 1))
                tokens += result.tokens
                probabilities += result.logProbabilities
                await engine.shutDown()
                // What was restored was not computed.
                #expect(engine.statistics.computedTokens == (isFirst ? 21 + part - 1 : part))
            }
            #expect(tokens == whole.tokens && probabilities == whole.logProbabilities)
        }
    }

    /// A conversation of five turns.
    private static func play(_ engine: Engine, _ conversation: Int) async throws -> [Serving.Outcome] {
        let name = try SessionName("talk-\(conversation)")
        var outcomes: [Serving.Outcome] = []
        for turn in 0..<5 {
            let prompt = Serving.prompt([9, 1, 16, 8, 11][turn], seed: UInt64(conversation * 10 + turn))
            // More than the room that an admission leaves, so that some have to give way in the middle.
            let tokens = [6, 45, 7, 40, 8][turn]
            let request = try Self.request(prompt, tokens, continuing: turn == 0 ? nil : name, saving: name)
            outcomes.append(Serving.Outcome(try await engine.submit(request).collect()))
        }
        return outcomes
    }

    @Test("turns with new prompts are the same alone, and in company that takes the memory away", arguments: [0, 1])
    func turns(shift: Int) async throws {
        let model = try Serving.model(window: 6, shift: shift)
        var expected: [[Serving.Outcome]] = []
        let quiet = try TemporaryFolder()
        for conversation in 0..<12 {
            let alone = try Serving.configuration(step: 8, running: 1, prefixes: 0)
            let engine = try Self.engine(model, quiet, alone, rate: 1)
            expected.append(try await Self.play(engine, conversation))
            await engine.shutDown()
        }
        let budget = 66_000
        var preemptions = 0
        // On a busy machine the conversations may come one after another, with room for each: then once more.
        for (attempt, step) in [15, 60, 15, 60, 15, 60, 15, 60].enumerated() where attempt < 2 || preemptions == 0 {
            let plain = try Serving.configuration(step: step)
            let folder = try TemporaryFolder()
            let configuration = try Serving.configuration(
                budget: budget + Serving.workspaceBytes(model, plain), step: step, guaranteed: false)
            let engine = try Self.engine(model, folder, configuration, rate: 1)
            let found = try await withThrowingTaskGroup(of: (Int, [Serving.Outcome]).self) { group in
                for conversation in 0..<12 {
                    group.addTask { (conversation, try await Self.play(engine, conversation)) }
                }
                var found: [Int: [Serving.Outcome]] = [:]
                for try await (conversation, outcomes) in group { found[conversation] = outcomes }
                return found
            }
            #expect((0..<12).compactMap { found[$0] } == expected)
            await engine.shutDown()
            preemptions += engine.statistics.preemptions
            #expect(engine.statistics.peakAllocatedBytes <= budget && engine.statistics.pagesInUse == 0)
            // Files of a conversation are the same, too, however it was computed.
            for conversation in 0..<12 {
                let name = "talk-\(conversation).session"
                #expect(
                    FileManager.default.contents(atPath: folder.file(name))
                        == FileManager.default.contents(atPath: quiet.file(name)))
            }
        }
        #expect(preemptions > 0)
    }

    @Test("what was cut short, or cannot be written, leaves the old file")
    func oldFiles() async throws {
        let model = try Serving.model()
        let folder = try TemporaryFolder()
        let name = try SessionName("talk")
        let engine = try Self.engine(model, folder, try Serving.configuration(buffered: 2))
        _ = try await engine.submit(try Self.request(Serving.prompt(9, seed: 1), 5, saving: name)).collect()
        let old = FileManager.default.contents(atPath: folder.file("talk.session"))
        #expect(old != nil)
        let stream = try engine.submit(try Self.request(Serving.prompt(9, seed: 2), 3000, saving: name))
        var iterator = stream.makeAsyncIterator()
        _ = try await iterator.next()
        stream.cancel()
        while let event = try await iterator.next() {
            if case .finished(let summary) = event { #expect(summary.reason == .cancelled) }
        }
        #expect(FileManager.default.contents(atPath: folder.file("talk.session")) == old)
        // A folder in the place of the file: the tokens come, then the error, and the engine goes on.
        let taken = try SessionName("taken")
        try FileManager.default.createDirectory(
            atPath: folder.file("taken.session/x"), withIntermediateDirectories: true)
        var tokens = 0
        await #expect(throws: CheckpointError.self) {
            for try await event in try engine.submit(try Self.request([1, 2, 3], 4, saving: taken)) {
                if case .token = event { tokens += 1 }
            }
        }
        #expect(tokens == 4)
        let next = try await engine.submit(try Self.request([], 4, continuing: name)).collect()
        #expect(next.tokens.count == 4)
        #expect(FileManager.default.contents(atPath: folder.file("talk.session")) == old)
        await engine.shutDown()
        #expect(engine.statistics.failed == 1)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
                == ["taken.session", "talk.session"])
    }

    @Test("what is missing, of something else, or not a name is refused by name")
    func refusals() async throws {
        let model = try Serving.model()
        let folder = try TemporaryFolder()
        let name = try SessionName("talk")
        let engine = try Self.engine(model, folder)
        #expect(throws: CheckpointError.self) { try engine.submit(try Self.request([1], 1, continuing: name)) }
        _ = try await engine.submit(try Self.request(Serving.prompt(9, seed: 1), 5, saving: name)).collect()
        let path = folder.file("talk.session")
        func refusal(_ engine: Engine, _ request: GenerationRequest) async -> (any Error)? {
            defer { Task { await engine.shutDown() } }
            do {
                _ = try engine.submit(request)
                return nil
            } catch {
                return error
            }
        }
        let request = try Self.request([1], 1, continuing: name)
        let others = [
            (
                try Self.engine(
                    model, folder, fingerprint: ModelFingerprint(weightsSHA256: "x", configurationSHA256: "y")),
                "weights_sha256", "weights", "x"
            ),
            (try Self.engine(model, folder, try Serving.configuration(kvType: .int8)), "kv_dtype", "fp32", "int8"),
            (try Self.engine(try Serving.model(window: 9), folder), "window", "5", "9"),
            (
                try Engine(
                    model, configuration: try Serving.configuration(),
                    sessions: SessionFolder(path: folder.path, fingerprint: Self.fingerprint), eviction: .off),
                "eviction", "forced", "off"
            ),
        ]
        for (other, key, found, required) in others {
            let error = await refusal(other, request)
            #expect(
                error as? CheckpointError
                    == CheckpointError(file: path, .key(key), found: found, required: required))
        }
        let without = try Engine(model, configuration: try Serving.configuration())
        #expect(await refusal(without, request) is ParameterError)
        // A link is not followed, wherever it leads.
        try FileManager.default.createSymbolicLink(atPath: folder.file("link.session"), withDestinationPath: path)
        let link = try Self.request([1], 1, continuing: try SessionName("link"))
        #expect(throws: CheckpointError.self) { try engine.submit(link) }
        #expect(throws: PromptError.empty) { try Self.request([], 1) }
        #expect(throws: PromptError.self) {
            try engine.submit(try Self.request(Serving.prompt(4090, seed: 1), 1, continuing: name))
        }
        for bad in ["", "a/b", "..", "a.b", "ä", "a b", "a\0", String(repeating: "a", count: 65)] {
            #expect(throws: ParameterError.self) { try SessionName(bad) }
        }
        #expect(try SessionName(String(repeating: "Z", count: 64)).rawValue.count == 64)
        await engine.shutDown()
    }
}
