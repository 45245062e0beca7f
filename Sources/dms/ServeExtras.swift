import ArgumentParser
import DMSCheckpoint
import DMSEngine
import DMSRecall
import DMSServer

/// What a server has beside OpenAI's API: saved conversations, and a page to try it on.
struct ServeExtras: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Let clients save conversations in this folder, which is made if it is not there; each API key has its own. "
                + "See docs/sessions.md.",
            valueName: "dir"))
    var sessions: String?

    @Option(help: ArgumentHelp("Conversations that an API key may save.", valueName: "count"))
    var maxSessions = 64

    @Option(help: ArgumentHelp("Bytes that all of them may take on disk.", valueName: "size"))
    var maxSessionBytes = ByteCount(bytes: 8 << 30)

    @Flag(
        inversion: .prefixedNo,
        help: "Serve a page to try the model on at /. (default: on the loopback interface)")
    var playground: Bool?

    func validate() throws {
        guard (1...1 << 20).contains(maxSessions) else {
            throw ValidationError("--max-sessions: found \(maxSessions), required 1 to 1048576")
        }
        guard maxSessionBytes.bytes >= 1 else {
            throw ValidationError("--max-session-bytes: found \(maxSessionBytes.bytes), required 1 or more")
        }
    }

    /// A folder of sessions that is this process's alone while the lock lives.
    struct OpenSessions {
        let folder: SessionFolder
        let lock: SessionFolderLock
    }

    /// Makes and locks the folder, if there is to be one.
    ///
    /// - Throws: `CheckpointError` when it cannot be used.
    func openSessions(of loaded: LoadedModel) throws -> OpenSessions? {
        guard let sessions else { return nil }
        let lock = try SessionFolderLock(path: sessions)
        let folder = try SessionFolder(
            path: sessions, of: loaded, limits: try SessionLimits(count: maxSessions, bytes: maxSessionBytes.bytes))
        return OpenSessions(folder: folder, lock: lock)
    }

    /// What the page begins with; `nil` for none.
    func examples(host: String, isShippedModel: Bool) -> [PlaygroundExample]? {
        guard playground ?? HostPolicy.isLoopback(host) else { return nil }
        return isShippedModel ? Self.recallExamples : []
    }

    /// The model that comes along can do one thing: say a password that it has read.
    private static var recallExamples: [PlaygroundExample] {
        let places = [(length: 300, depth: 0.1), (length: 900, depth: 0.2), (length: 900, depth: 0.8)]
        return places.enumerated().map { index, place in
            let item = RecallTask(seed: 1).item(length: place.length, depth: place.depth, number: index)
            let percent = Int(place.depth * 100)
            return PlaygroundExample(
                title: "A password, \(percent) % into \(place.length) tokens", prompt: item.prompt, stop: ".",
                maximumTokens: 4, answer: item.answer)
        }
    }
}
