public import DMSCheckpoint

/// Where an engine keeps saved conversations, one file each, and of which model they are.
public struct SessionFolder: Sendable, Hashable {
    /// The folder, which exists.
    public let path: String
    /// Which model's; files of another are refused.
    public let fingerprint: ModelFingerprint
    /// What saved conversations may take.
    public let limits: SessionLimits

    /// - Parameter path: A folder that exists.
    public init(path: String, fingerprint: ModelFingerprint, limits: SessionLimits = .none) {
        self.path = path
        self.fingerprint = fingerprint
        self.limits = limits
    }

    /// A folder for conversations with a model that has been opened.
    ///
    /// A ``SessionFolderLock`` makes the folder, and keeps other processes out while it is held.
    ///
    /// - Throws: `CheckpointError` when the weights cannot be read, for which metadata state no digest.
    public init(path: String, of loaded: LoadedModel, limits: SessionLimits = .none) throws(CheckpointError) {
        self.init(
            path: path, fingerprint: try ModelFingerprint(loaded.directory, metadata: loaded.dms), limits: limits)
    }

    /// The file of a conversation.
    public func file(_ name: SessionName) -> String { "\(folder(of: name.owner))/\(name)\(Self.suffix)" }

    static let suffix = ".session"

    /// The folder of an owner's conversations; that of nobody in particular is the folder itself.
    func folder(of owner: SessionOwner?) -> String { owner.map { "\(path)/\($0.folderName)" } ?? path }
}

/// What saved conversations may take.
public struct SessionLimits: Sendable, Hashable {
    /// Conversations of one owner.
    public let count: Int
    /// Bytes of the files of all owners together.
    public let bytes: Int

    /// No limits.
    public static let none = SessionLimits(unchecked: .max, .max)

    /// - Throws: ``ParameterError`` for a limit below 1.
    public init(count: Int, bytes: Int) throws(ParameterError) {
        for (field, value) in [("count", count), ("bytes", bytes)] where value < 1 {
            throw ParameterError(field: field, found: "\(value)", required: "1 or more")
        }
        self.init(unchecked: count, bytes)
    }

    private init(unchecked count: Int, _ bytes: Int) {
        self.count = count
        self.bytes = bytes
    }
}
