import DMSCheckpoint

extension Engine {
    /// Whether conversations can be saved.
    public var keepsSessions: Bool { sessions != nil }

    /// The conversations that were saved for an owner, by name; those that cannot be used here say why.
    ///
    /// Reads the beginning of every file.
    ///
    /// - Throws: ``SessionError/notKept``.
    public func savedSessions(of owner: SessionOwner? = nil) throws(SessionError) -> [SavedSession] {
        try store().list(of: owner)
    }

    /// What was saved under a name.
    ///
    /// Checks all but the file's checksum, which is compared when the conversation goes on.
    ///
    /// - Throws: ``SessionError/notKept`` or ``SessionError/notFound(_:)``.
    public func savedSession(_ name: SessionName) throws(SessionError) -> SavedSession {
        guard let session = try store().session(name) else { throw .notFound(name) }
        return session
    }

    /// Deletes what was saved under a name; requests that go on from it are not disturbed.
    ///
    /// - Throws: ``SessionError/notKept``, ``SessionError/notFound(_:)``, or `CheckpointError` when the system refuses.
    public func deleteSession(_ name: SessionName) throws { try store().remove(name) }

    private func store() throws(SessionError) -> SessionStore {
        guard let sessions else { throw .notKept }
        return sessions
    }
}
