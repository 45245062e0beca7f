import DMSEngine
import DMSTensor
import Testing

@Suite("A conversation from a folder")
struct SessionTests {
    @Test("a conversation that was saved goes on as if it had never been interrupted")
    func continuation() async throws {
        let models = try TemporaryFolder()
        let folder = try TemporaryFolder()
        try Models.makeRandom(in: models.path)
        let loaded = try LoadedModel(directory: models.path, precision: .fp32, threads: 1)
        let whole = try await Self.text(Engine(loaded).stream("A text.", maximumTokens: 30))
        let name = try SessionName("a")
        let lock = try SessionFolderLock(path: folder.path)
        let sessions = try SessionFolder(path: folder.path, of: loaded)
        let first = try Engine(loaded, sessions: sessions)
        var text = try await Self.text(first.stream("A text.", maximumTokens: 20, saving: name))
        await first.shutDown()
        // Another engine, as after the process was started again.
        let second = try Engine(loaded, sessions: sessions)
        #expect(try second.savedSessions().map(\.name) == [name])
        text += try await Self.text(second.stream("", maximumTokens: 10, continuing: name))
        #expect(text == whole)
        try second.deleteSession(name)
        #expect(throws: SessionError.notFound(name)) { try second.savedSession(name) }
        await second.shutDown()
        withExtendedLifetime(lock) {}
    }

    private static func text(_ stream: TextStream) async throws -> String {
        try await stream.reduce(into: "") { $0 += $1 }
    }
}
