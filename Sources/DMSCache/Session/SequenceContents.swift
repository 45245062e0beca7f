import DMSCheckpoint

/// What a file says, after every check.
struct SequenceContents {
    let header: SequenceHeader
    let tokens: [Int32]
    let stored: [Int32]
    let byteCount: Int

    /// - Parameter verifies: Whether the checksum is compared, for which all of the file is read.
    init(
        _ bytes: UnsafeRawBufferPointer, identity: SequenceIdentity, file: String, verifies: Bool = true
    ) throws(CheckpointError) {
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
        if verifies { try Self.verify(bytes, file: file) }
    }

    private static func verify(_ bytes: UnsafeRawBufferPointer, file: String) throws(CheckpointError) {
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
