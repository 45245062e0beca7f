package import DMSModel

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
        try snapshot(of: sequence, tokens: tokens, identity: identity).write(to: path)
    }

    /// What ``save(_:tokens:identity:to:)`` would write, for another thread to write it.
    ///
    /// It refers to the sequence's pages and copies only tables, so it is made in the time of a step and takes no
    /// memory worth counting. The sequence must stay in the cache, and must not be extended, until it was written;
    /// others may be computed meanwhile, because pages that sequences share never change.
    ///
    /// - Throws: `ModelError` for an unknown sequence, one whose last pass did not finish or whose draft is not settled.
    package func snapshot(
        of sequence: Int, tokens: [Int32], identity: SequenceIdentity
    ) throws(ModelError) -> SequenceSnapshot {
        guard let stored = sequences[sequence] else { throw ModelError("sequence \(sequence) is not in the cache") }
        guard !stored.isInPass else { throw ModelError("sequence \(sequence): its last pass did not finish") }
        guard openDrafts[sequence] == nil else { throw ModelError("sequence \(sequence): its draft is not settled") }
        precondition(identity.layout == layout && identity.streamCount == streamCount, "the identity of another cache")
        precondition(tokens.count >= stored.count && stored.count > 0, "\(tokens.count) tokens of \(stored.count)")
        let words = (schedule.ringSlots(of: stored.count) + 63) / 64
        return SequenceSnapshot(
            header: SequenceHeader.bytes(tokenCount: tokens.count, cachedCount: stored.count, identity: identity),
            tokens: tokens, stored: (0..<streamCount).map { stored.lease.streams[$0].used },
            flags: (0..<streamCount).flatMap { stream in
                (0..<words).map { stored.lease.flags(stream, word: $0) }
            },
            parts: (0..<streamCount).flatMap { stream in
                stored.lease.pageParts(stream, pool).flatMap { slot, count in
                    slot.parts(count, layout).map { UnsafeRawBufferPointer($0) }
                }
            })
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
