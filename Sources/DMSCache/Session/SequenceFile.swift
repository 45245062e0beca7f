public import DMSCheckpoint

/// A sequence that was saved, checked and ready to be restored.
///
/// The file stays mapped while this object lives; one that is replaced meanwhile is still read as it was. See
/// ``CompactAttention/save(_:tokens:identity:to:)``.
public final class SequenceFile: Sendable {
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
            try Contents(bytes, identity: identity, file: path)
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

/// What a file says, after every check.
private struct Contents {
    let header: SequenceHeader
    let tokens: [Int32]
    let stored: [Int32]
    let byteCount: Int

    init(_ bytes: UnsafeRawBufferPointer, identity: SequenceIdentity, file: String) throws(CheckpointError) {
        header = try SequenceHeader(bytes, identity: identity, file: file)
        byteCount = bytes.count
        let shortest = header.dataOffset + SequenceHeader.checksumByteCount
        guard bytes.count >= shortest else {
            throw CheckpointError(file: file, found: "\(bytes.count) bytes", required: "at least \(shortest)")
        }
        tokens = Self.integers(bytes, at: header.tokensOffset, count: header.tokenCount)
        stored = Self.integers(bytes, at: header.storedOffset, count: header.streamCount)
        let least = identity.schedule.leastStored(of: header.cachedCount)
        for (stream, count) in stored.enumerated() where !(least...header.cachedCount).contains(Int(count)) {
            throw CheckpointError(
                file: file, .key("stored"), found: "\(count) tokens of stream \(stream)",
                required: "\(least) to \(header.cachedCount)")
        }
        // No product overflows: counts have 31 bits, streams fit the file, and a token has less than 2²⁰ bytes.
        let data = stored.reduce(0) { $0 + Int($1) * identity.layout.bytesPerToken }
        guard bytes.count == shortest + data else {
            throw CheckpointError(file: file, found: "\(bytes.count) bytes", required: "\(shortest + data)")
        }
        var checksum = XXHash64()
        checksum.update(UnsafeRawBufferPointer(rebasing: bytes.dropLast(SequenceHeader.checksumByteCount)))
        let stated = bytes.loadUnaligned(
            fromByteOffset: bytes.count - SequenceHeader.checksumByteCount, as: UInt64.self)
        guard checksum.digest == UInt64(littleEndian: stated) else {
            throw CheckpointError(
                file: file, .key("checksum"), found: String(checksum.digest, radix: 16),
                required: "\(String(UInt64(littleEndian: stated), radix: 16)), as the file states")
        }
    }

    private static func integers(_ bytes: UnsafeRawBufferPointer, at offset: Int, count: Int) -> [Int32] {
        (0..<count).map {
            Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + $0 * 4, as: Int32.self))
        }
    }
}
