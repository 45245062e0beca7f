import DMSCheckpoint
import DMSModel

extension CompactAttention {
    /// Writes a sequence to a file, from which ``SequenceFile`` and ``SequenceOrigin/file(_:)`` bring it back.
    ///
    /// Only what is alive is written, page by page, without a copy of it in memory. The file is written beside and
    /// renamed, and readable for its owner alone; whatever happens, the path has the old file or the new one.
    ///
    /// - Parameters:
    ///   - tokens: The conversation: those that the sequence has seen, and any that it is to be given next.
    ///   - identity: What the sequence was made with, which is what this cache was made for.
    /// - Throws: `ModelError` for an unknown sequence, one whose last pass did not finish or whose draft is not settled,
    ///   `CheckpointError` when the system refuses to write.
    public func save(_ sequence: Int, tokens: [Int32], identity: SequenceIdentity, to path: String) throws {
        guard let stored = sequences[sequence] else { throw ModelError("sequence \(sequence) is not in the cache") }
        guard !stored.isInPass else { throw ModelError("sequence \(sequence): its last pass did not finish") }
        guard openDrafts[sequence] == nil else { throw ModelError("sequence \(sequence): its draft is not settled") }
        precondition(identity.layout == layout && identity.streamCount == streamCount, "the identity of another cache")
        precondition(tokens.count >= stored.count && stored.count > 0, "\(tokens.count) tokens of \(stored.count)")
        try AtomicFile.write(to: path, permissions: 0o600) { (output: inout FileOutput) throws(CheckpointError) in
            var writer = SequenceWriter()
            let header = SequenceHeader.bytes(
                tokenCount: tokens.count, cachedCount: stored.count, identity: identity)
            try writer.append(header, to: &output)
            try writer.append(tokens, to: &output)
            try writer.append((0..<streamCount).map { stored.lease.streams[$0].used }, to: &output)
            let words = (schedule.ringSlots(of: stored.count) + 63) / 64
            for stream in 0..<streamCount {
                try writer.append((0..<words).map { stored.lease.flags(stream, word: $0) }, to: &output)
            }
            for stream in 0..<streamCount {
                for (slot, count) in stored.lease.pageParts(stream, pool) {
                    for part in slot.parts(count, layout) {
                        try writer.append(UnsafeRawBufferPointer(part), to: &output)
                    }
                }
            }
            try writer.finish(&output)
        }
    }

    /// A sequence as a file has it; its memory is promised.
    func restored(_ file: SequenceFile) throws -> CachedSequence {
        let sequence = CachedSequence(streamCount: streamCount, layout: layout)
        sequence.lease.growTables(pages: file.pageCapacity, flagWords: file.flagWords)
        pool.addPromised(sequence.lease.byteCount)
        sequence.count = file.cachedCount
        do {
            try file.withStreams { flags, data in
                var offset = 0
                for stream in 0..<streamCount {
                    try sequence.lease.fill(stream, used: file.used(stream), seen: file.cachedCount, &pool)
                    for word in 0..<file.flagWords {
                        let bits = flags.loadUnaligned(
                            fromByteOffset: (stream * file.flagWords + word) * 8, as: UInt64.self)
                        sequence.lease.setFlags(stream, word: word, UInt64(littleEndian: bits))
                    }
                    for (slot, count) in sequence.lease.pageParts(stream, pool) {
                        for part in slot.parts(count, layout) {
                            part.copyMemory(
                                from: UnsafeRawBufferPointer(rebasing: data[offset..<offset + part.count]))
                            offset += part.count
                        }
                    }
                }
            }
        } catch {
            release(sequence)
            throw error
        }
        return sequence
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

extension KVSlot {
    /// What `count` slots from this one on hold: keys, values, and their scales where there are any.
    fileprivate func parts(_ count: Int, _ layout: KVPageLayout) -> [UnsafeMutableRawBufferPointer] {
        var parts = [
            UnsafeMutableRawBufferPointer(start: key(layout), count: count * layout.rowBytes),
            UnsafeMutableRawBufferPointer(start: value(layout), count: count * layout.rowBytes),
        ]
        for scales in [keyScale(layout), valueScale(layout)] {
            guard let scales else { continue }
            parts.append(UnsafeMutableRawBufferPointer(start: scales, count: count * MemoryLayout<Float>.size))
        }
        return parts
    }
}
