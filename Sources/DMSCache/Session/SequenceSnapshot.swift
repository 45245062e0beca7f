package import DMSCheckpoint

/// A sequence as it is to be written: tables of its own, and the places of its keys and values.
///
/// See ``CompactAttention/snapshot(of:tokens:identity:)``.
package struct SequenceSnapshot: @unchecked Sendable {
    // Invariant for Sendable: whoever makes one keeps the pages as they are until it was written.

    let header: [UInt8]
    let tokens: [Int32]
    /// Tokens that each stream stores.
    let stored: [Int32]
    /// The eviction flags of each stream's ring, in words.
    let flags: [UInt64]
    /// Keys, values and scales, stream by stream and page by page.
    let parts: [UnsafeRawBufferPointer]

    /// Bytes of the file.
    package var byteCount: Int {
        header.count + roundUp(tokens.count * 4, to: 8) + roundUp(stored.count * 4, to: 8) + flags.count * 8
            + parts.reduce(0) { $0 + $1.count } + SequenceHeader.checksumByteCount
    }

    /// Writes the file beside and renames it.
    ///
    /// - Throws: `CheckpointError` when the system refuses to write.
    package func write(to path: String) throws(CheckpointError) {
        try AtomicFile.write(to: path, permissions: 0o600) { (output: inout FileOutput) throws(CheckpointError) in
            var writer = SequenceWriter()
            try writer.append(header, to: &output)
            try writer.append(tokens, to: &output)
            try writer.append(stored, to: &output)
            try writer.append(flags, to: &output)
            for part in parts { try writer.append(part, to: &output) }
            try writer.finish(&output)
        }
    }
}

/// Appends to a file and keeps the checksum.
private struct SequenceWriter {
    private var checksum = XXHash64()

    mutating func append(_ bytes: UnsafeRawBufferPointer, to output: inout FileOutput) throws(CheckpointError) {
        checksum.update(bytes)
        try output.append(bytes)
    }

    /// Appends numbers, and zeros up to the next multiple of 8 bytes.
    mutating func append(
        _ numbers: [some FixedWidthInteger], to output: inout FileOutput
    ) throws(CheckpointError) {
        var bytes = numbers.map(\.littleEndian).withUnsafeBytes { Array($0) }
        while bytes.count % 8 != 0 { bytes.append(0) }
        bytes.withUnsafeBytes { checksum.update($0) }
        try output.append(bytes)
    }

    func finish(_ output: inout FileOutput) throws(CheckpointError) {
        try output.append(withUnsafeBytes(of: checksum.digest.littleEndian) { Array($0) })
    }
}
