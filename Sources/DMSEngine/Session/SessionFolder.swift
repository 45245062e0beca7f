public import DMSCheckpoint

/// Where an engine keeps saved conversations, one file each, and of which model they are.
public struct SessionFolder: Sendable, Hashable {
    public let path: String
    /// Which model's; files of another are refused.
    public let fingerprint: ModelFingerprint

    /// - Parameter path: A folder that exists.
    public init(path: String, fingerprint: ModelFingerprint) {
        self.path = path
        self.fingerprint = fingerprint
    }

    /// The file of a conversation.
    public func file(_ name: SessionName) -> String { "\(path)/\(name).session" }
}
