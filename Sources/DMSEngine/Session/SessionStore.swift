package import DMSCache
package import DMSCheckpoint
import DMSModel
import DMSPolicy

/// The saved conversations of one engine: its folder, and what a file must have been made with.
struct SessionStore: Sendable {
    let folder: SessionFolder
    let identity: SequenceIdentity

    init(
        _ folder: SessionFolder, _ model: LlamaModel, _ configuration: CacheConfiguration, _ eviction: EvictionControl
    ) {
        self.folder = folder
        identity = SequenceIdentity(
            model, fingerprint: folder.fingerprint, configuration: configuration,
            retention: model.dms.map { (rule: $0.rule, assembly: $0.assembly) }, eviction: eviction)
    }

    // MARK: Reading

    /// Opens a conversation that was saved.
    ///
    /// - Throws: `CheckpointError` for a file that is missing, damaged, a link, or of something else.
    func open(_ name: SessionName, vocabularySize: Int) throws(CheckpointError) -> SequenceFile {
        let file = try SequenceFile(path: folder.file(name), identity: identity, followsLinks: false)
        try file.requireTokens(below: vocabularySize)
        return file
    }

    /// An owner's conversations, by name.
    func list(of owner: SessionOwner?) -> [SavedSession] {
        names(of: owner).compactMap { session($0) }
    }

    /// - Returns: What is saved under a name; `nil` for nothing.
    func session(_ name: SessionName) -> SavedSession? {
        let path = folder.file(name)
        guard let file = SessionDirectory.file(at: path) else { return nil }
        let contents = Result { () throws(CheckpointError) in
            try SequenceSummary(path: path, identity: identity, followsLinks: false)
        }
        return SavedSession(
            name: name, saved: file.saved, byteCount: file.bytes,
            contents: contents.mapError { SavedSession.Unusable($0) })
    }

    private func names(of owner: SessionOwner?) -> [SessionName] {
        SessionDirectory.names(in: folder.folder(of: owner)).compactMap { file in
            guard file.hasSuffix(SessionFolder.suffix) else { return nil }
            return try? SessionName(String(file.dropLast(SessionFolder.suffix.count)), owner: owner)
        }
    }

    // MARK: Writing

    /// Whether a conversation can be saved under a name, as far as that is known before it is computed.
    ///
    /// - Throws: ``SessionError`` when a limit is reached.
    /// - Parameter bytes: Of the file, as far as they are known.
    func requireRoom(for name: SessionName, bytes: Int = 1) throws(SessionError) {
        let earlier = SessionDirectory.file(at: folder.file(name))
        let limits = folder.limits
        if earlier == nil, limits.count != .max, names(of: name.owner).count >= limits.count {
            throw .tooMany(limit: limits.count)
        }
        if limits.bytes == .max { return }
        guard bytes <= limits.bytes - (usedBytes - (earlier?.bytes ?? 0)) else {
            throw .tooLarge(neededBytes: bytes, limit: limits.bytes)
        }
    }

    /// Writes a conversation, in place of what had its name.
    ///
    /// Called by one thread at a time, so that limits hold.
    ///
    /// - Throws: ``SessionError`` beyond a limit, `CheckpointError` when the system refuses to write.
    func write(_ snapshot: SequenceSnapshot, as name: SessionName) throws {
        try requireRoom(for: name, bytes: snapshot.byteCount)
        let place = folder.folder(of: name.owner)
        if name.owner != nil, !SessionDirectory.isFolder(place) {
            if let reason = SessionDirectory.makeFolder(place) {
                throw CheckpointError(file: place, found: reason, required: "a folder")
            }
            try AtomicFile.synchronize(directory: folder.path, path: place)
        }
        try snapshot.write(to: folder.file(name))
    }

    /// - Throws: ``SessionError`` for a name without a file, `CheckpointError` when the system refuses.
    func remove(_ name: SessionName) throws {
        let path = folder.file(name)
        guard SessionDirectory.file(at: path) != nil else { throw SessionError.notFound(name) }
        if let reason = SessionDirectory.remove(path) {
            throw CheckpointError(file: path, found: reason, required: "a file that can be removed")
        }
    }

    /// Bytes of all owners' files.
    private var usedBytes: Int {
        func bytes(in path: String) -> Int {
            SessionDirectory.names(in: path).reduce(0) { total, name in
                guard name.hasSuffix(SessionFolder.suffix) else { return total }
                return total + (SessionDirectory.file(at: "\(path)/\(name)")?.bytes ?? 0)
            }
        }
        let owners = SessionDirectory.names(in: folder.path).map { "\(folder.path)/\($0)" }
        return owners.filter { SessionDirectory.isFolder($0) }.reduce(bytes(in: folder.path)) { $0 + bytes(in: $1) }
    }
}

extension SequenceFile {
    /// - Throws: `CheckpointError` for a token that a vocabulary does not have.
    package func requireTokens(below vocabularySize: Int) throws(CheckpointError) {
        if let token = tokens.first(where: { !(0..<Int32(vocabularySize)).contains($0) }) {
            throw CheckpointError(
                file: path, .key("tokens"), found: "token id \(token)", required: "0 ..< \(vocabularySize)")
        }
    }
}
