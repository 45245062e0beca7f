import DMSCache
import DMSCheckpoint
import DMSModel
import DMSTestSupport
import Foundation
import Testing

@testable import DMSEngine

/// What an engine tells of saved conversations, and how it keeps its folder.
@Suite("Saved sessions")
struct SavedSessionTests {
    private static let fingerprint = ModelFingerprint(weightsSHA256: "weights", configurationSHA256: "configuration")

    private static func engine(
        _ model: LlamaModel, _ folder: TemporaryFolder, limits: SessionLimits = .none
    ) throws -> Engine {
        try Engine(
            model, configuration: try Serving.configuration(),
            sessions: SessionFolder(path: folder.path, fingerprint: fingerprint, limits: limits),
            eviction: .forced(Serving.RandomSource(rate: 5)))
    }

    /// Reads a stream to its end.
    private static func progress(_ stream: GenerationStream) async throws -> [CacheProgress] {
        var found: [CacheProgress] = []
        for try await event in stream { if case .cache(let progress) = event { found.append(progress) } }
        return found
    }

    @Test("a file has what the cache had")
    func summary() async throws {
        let began = Int64(Date().timeIntervalSince1970)
        let folder = try TemporaryFolder()
        let engine = try Self.engine(try Serving.model(window: 6), folder)
        let name = try SessionName("a")
        let prompt = Serving.prompt(40, seed: 2)
        let request = try GenerationRequest(prompt: prompt, maximumTokens: 20, saving: name, reportsCache: true)
        let last = try #require(try await Self.progress(try engine.submit(request)).last)
        let session = try engine.savedSession(name)
        let contents = try session.contents.get()
        #expect(contents.tokens.starts(with: prompt) && contents.tokens.count == 60 && contents.cachedCount == 59)
        #expect(contents.liveTokenHeads == last.liveTokenHeads && contents.seenTokenHeads == last.seenTokenHeads)
        #expect(contents.liveBytes == last.liveBytes && contents.denseBytes == last.denseBytes)
        #expect(contents.liveBytes < contents.denseBytes)
        #expect(session.byteCount == contents.byteCount)
        #expect((began - 1...Int64(Date().timeIntervalSince1970) + 1).contains(session.saved))
        #expect(throws: SessionError.notFound(try SessionName("b"))) { try engine.savedSession(try SessionName("b")) }
        #expect(throws: SessionError.notFound(try SessionName("b"))) { try engine.deleteSession(try SessionName("b")) }
        await engine.shutDown()
    }

    @Test("a prompt made to follow one conversation does not follow another of its name")
    func changed() async throws {
        let folder = try TemporaryFolder()
        let engine = try Self.engine(try Serving.model(window: 6), folder)
        let name = try SessionName("a")
        func save(_ seed: UInt64) async throws -> [Int32] {
            let prompt = Serving.prompt(20, seed: seed)
            _ = try await engine.submit(try GenerationRequest(prompt: prompt, maximumTokens: 3, saving: name)).collect()
            return try engine.savedSession(name).contents.get().tokens
        }
        func goOn(after tokens: [Int32]) throws -> GenerationStream {
            try engine.submit(
                try GenerationRequest(prompt: [1], maximumTokens: 2, continuing: name, continuedTokens: tokens))
        }
        let first = try await save(1)
        #expect(try await goOn(after: first).collect().tokens.count == 2)
        let second = try await save(2)
        #expect(first.count == second.count && first != second)
        #expect(throws: SessionError.changed(name)) { try goOn(after: first) }
        #expect(try await goOn(after: second).collect().tokens.count == 2)
        #expect(throws: ParameterError.self) {
            try GenerationRequest(prompt: [1], maximumTokens: 2, continuedTokens: first)
        }
        await engine.shutDown()
    }

    @Test("of a prompt that is saved alone everything was run, and what follows is the same as at once")
    func promptAlone() async throws {
        let folder = try TemporaryFolder()
        let model = try Serving.model(window: 6)
        let engine = try Self.engine(model, folder)
        let name = try SessionName("document")
        // Whole blocks, so that the grid of what follows is the same.
        let prompt = Serving.prompt(4 * Serving.block, seed: 4)
        let question = Serving.prompt(5, seed: 9)
        _ = try await engine.submit(
            try GenerationRequest(prompt: prompt, maximumTokens: 1, saving: name, saved: .prompt)
        ).collect()
        let contents = try engine.savedSession(name).contents.get()
        #expect(contents.tokens == prompt && contents.cachedCount == prompt.count)
        let answer = try await engine.submit(
            try GenerationRequest(prompt: question, maximumTokens: 12, continuing: name)
        ).collect()
        let whole = try await engine.submit(
            try GenerationRequest(prompt: prompt + question, maximumTokens: 12)
        ).collect()
        #expect(answer.tokens == whole.tokens)
        #expect(answer.summary.reusedTokens == prompt.count)
        #expect(throws: ParameterError.self) {
            try GenerationRequest(prompt: prompt, maximumTokens: 2, saving: name, saved: .prompt)
        }
        #expect(throws: PromptError.self) {
            try engine.submit(try GenerationRequest(prompt: [], maximumTokens: 1, continuing: name))
        }
        await engine.shutDown()
    }

    @Test("an engine that is shut down has written what came to its end")
    func shutDown() async throws {
        let folder = try TemporaryFolder()
        let engine = try Self.engine(try Serving.model(window: 6), folder)
        let names = try (0..<12).map { try SessionName("s\($0)") }
        let streams = try names.enumerated().map { index, name in
            try engine.submit(
                try GenerationRequest(
                    prompt: Serving.prompt(20, seed: UInt64(index)), maximumTokens: 1 + index * 7, saving: name))
        }
        var ended: Set<SessionName> = []
        for (name, stream) in zip(names, streams).prefix(3) {
            _ = try await stream.collect()
            ended.insert(name)
        }
        await engine.shutDown()
        for (name, stream) in zip(names, streams).dropFirst(3) {
            if (try? await stream.collect()) != nil { ended.insert(name) }
        }
        // Told to be saved, and saved, are the same.
        let saved = try Self.engine(try Serving.model(window: 6), folder).savedSessions()
        #expect(Set(saved.map(\.name)) == ended)
        for session in saved { #expect(throws: Never.self) { try session.contents.get() } }
        #expect(engine.statistics.pagesInUse == 0)
    }

    @Test("one process has a folder, and clears what another left half-written")
    func lock() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("sessions")
        do {
            let lock = try SessionFolderLock(path: path)
            #expect(throws: CheckpointError.self) { try SessionFolderLock(path: path) }
            withExtendedLifetime(lock) {}
        }
        let owner = path + "/" + String(repeating: "a", count: 64)
        try FileManager.default.createDirectory(atPath: owner, withIntermediateDirectories: false)
        for place in [path, owner] {
            for name in [".a.session.partial-12-3", "a.session", ".other"] {
                _ = FileManager.default.createFile(atPath: "\(place)/\(name)", contents: Data([1]))
            }
        }
        let lock = try SessionFolderLock(path: path)
        for place in [path, owner] {
            let names = Set(try FileManager.default.contentsOfDirectory(atPath: place))
            #expect(names.isSuperset(of: ["a.session", ".other"]) && !names.contains(".a.session.partial-12-3"))
        }
        #expect(throws: CheckpointError.self) { try SessionFolderLock(path: path + "/a.session") }
        #expect(throws: ParameterError.self) { try SessionLimits(count: 0, bytes: 1) }
        withExtendedLifetime(lock) {}
    }

    @Test("owners are told apart by their secrets, and files do not tell these")
    func owners() throws {
        let folder = SessionFolder(path: "/sessions", fingerprint: Self.fingerprint)
        let files = try ["one", "One", "", "one "].map {
            folder.file(try SessionName("talk", owner: SessionOwner(secret: $0)))
        }
        #expect(Set(files).count == 4 && files.allSatisfy { $0.hasSuffix("/talk.session") && !$0.contains("one") })
        #expect(folder.file(try SessionName("talk")) == "/sessions/talk.session")
    }
}
