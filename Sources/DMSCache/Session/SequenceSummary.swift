public import DMSCheckpoint

/// What a saved sequence is, read from the beginning of its file: enough to list it, not to restore it.
public struct SequenceSummary: Sendable, Hashable {
    /// All tokens of the conversation.
    public let tokens: [Int32]
    /// The first ``tokens``, whose keys and values are there.
    public let cachedCount: Int
    /// Token·heads that are stored, over all layers and KV heads.
    public let liveTokenHeads: Int
    /// Token·heads that were seen.
    public let seenTokenHeads: Int
    /// Keys, values and scales of what is stored.
    public let liveBytes: Int
    /// What a dense cache of the same element type would hold.
    public let denseBytes: Int
    /// Bytes of the file.
    public let byteCount: Int

    /// Reads a file's tables; its checksum is not compared.
    ///
    /// O(tokens + layers × KV heads), whatever the file's size.
    ///
    /// - Parameters:
    ///   - identity: What the sequence has to have been made with.
    ///   - followsLinks: Whether the path may be a symbolic link.
    /// - Throws: `CheckpointError` as ``SequenceFile/init(path:identity:followsLinks:)``, but for damage that only the
    ///   checksum tells.
    public init(path: String, identity: SequenceIdentity, followsLinks: Bool = true) throws(CheckpointError) {
        let file = try MappedFile(path: path, followsLinks: followsLinks)
        let contents = try file.withBytes { (bytes) throws(CheckpointError) in
            try SequenceContents(bytes, identity: identity, file: path, verifies: false)
        }
        tokens = contents.tokens
        cachedCount = contents.header.cachedCount
        liveTokenHeads = contents.stored.reduce(0) { $0 + Int($1) }
        seenTokenHeads = contents.header.cachedCount * contents.stored.count
        liveBytes = liveTokenHeads * identity.layout.bytesPerToken
        denseBytes = seenTokenHeads * identity.layout.bytesPerToken
        byteCount = contents.byteCount
    }
}
