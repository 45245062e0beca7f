public import DMSCheckpoint

/// A sequence that was saved, checked and ready to be restored.
///
/// The file stays mapped while this object lives; one that is replaced meanwhile is still read as it was. See
/// ``CompactAttention/save(_:tokens:identity:to:)``.
public final class SequenceFile: Sendable {
    /// Where the file is.
    public let path: String
    /// All tokens of the conversation, those among them that were never run.
    public let tokens: [Int32]
    /// The first ``tokens``, whose keys and values are there.
    public let cachedCount: Int
    /// Bytes of the file.
    public let byteCount: Int

    /// Tokens that each stream stores.
    private let stored: [Int32]
    private let file: MappedFile
    private let layout: KVPageLayout
    private let flagsOffset: Int
    private let dataOffset: Int
    /// Words of eviction flags per stream.
    let flagWords: Int

    /// Opens a file, reads all of it once and checks it.
    ///
    /// - Parameters:
    ///   - identity: What the sequence has to have been made with.
    ///   - followsLinks: Whether the path may be a symbolic link.
    /// - Throws: `CheckpointError` naming what was found and what is required: for a file that is no saved sequence, of
    ///   another version, truncated, damaged, or made with something else.
    public init(path: String, identity: SequenceIdentity, followsLinks: Bool = true) throws(CheckpointError) {
        let file = try MappedFile(path: path, followsLinks: followsLinks)
        let contents = try file.withBytes { (bytes) throws(CheckpointError) in
            try SequenceContents(bytes, identity: identity, file: path)
        }
        self.path = path
        self.file = file
        layout = identity.layout
        tokens = contents.tokens
        stored = contents.stored
        cachedCount = contents.header.cachedCount
        flagWords = contents.header.flagWords
        flagsOffset = contents.header.flagsOffset
        dataOffset = contents.header.dataOffset
        byteCount = contents.byteCount
    }

    /// Lends the bytes of the ring's flags, and of the keys and values.
    func withStreams<Result, Failure: Error>(
        _ body: (_ flags: UnsafeRawBufferPointer, _ data: UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try file.withBytes { (bytes) throws(Failure) in
            try body(
                UnsafeRawBufferPointer(rebasing: bytes[flagsOffset..<dataOffset]),
                UnsafeRawBufferPointer(rebasing: bytes[dataOffset...]))
        }
    }

    /// Whether a cache stores what the file has.
    func fits(_ cache: CompactAttention) -> Bool { layout == cache.layout && stored.count == cache.streamCount }
}

extension SequenceFile: StreamCounts {
    func used(_ stream: Int) -> Int { Int(stored[stream]) }
    var pageCapacity: Int { stored.reduce(0) { max($0, layout.pageCount(slots: Int($1))) } }
    /// Pages of all streams.
    var pageCount: Int { stored.reduce(0) { $0 + layout.pageCount(slots: Int($1)) } }
}
