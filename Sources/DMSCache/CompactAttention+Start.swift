import DMSModel

extension CompactAttention {
    /// Makes `copy` a sequence that continues where `sequence` stands, eviction state included.
    ///
    /// Full pages behind the ring are shared, for they never change again; the ring and the last page are copied.
    ///
    /// - Throws: ``CacheError`` when the copies do not fit the budget, `MemoryError` when the system has no memory;
    ///   nothing has changed then.
    public func fork(_ sequence: Int, as copy: Int) throws {
        try add(copy, from: .copy(of: sequence))
    }

    /// Makes a sequence that begins somewhere else than with nothing.
    ///
    /// - Throws: ``CacheError`` when it does not fit the budget, `ModelError` where there is nothing to begin with,
    ///   `MemoryError` when the system has no memory; nothing has changed then.
    public func add(_ sequence: Int, from origin: SequenceOrigin) throws {
        _ = try count(of: origin, for: sequence)
        let need = StartNeed(of: origin, in: self)
        try pool.reserve(pages: need.pages, otherBytes: need.tableBytes)
        defer { pool.endReservation() }
        sequences[sequence] = try sequenceBeginning(from: origin)
        verifyInvariants()
    }

    /// Lets a sequence begin somewhere else than with nothing, in the next pass, which must have it.
    ///
    /// The pass is then begun as a whole or not at all: what the start takes, and what the tokens take, is promised
    /// together.
    public func start(_ sequence: Int, from origin: SequenceOrigin) { pendingOrigins[sequence] = origin }

    /// Tokens that a sequence begins with.
    ///
    /// - Throws: `ModelError` where there is nothing to begin with, or the sequence exists.
    func count(of origin: SequenceOrigin, for sequence: Int) throws(ModelError) -> Int {
        if sequences[sequence] != nil { throw ModelError("sequence \(sequence) is in the cache already") }
        switch origin {
        case .copy(let name):
            guard let source = sequences[name] else { throw ModelError("sequence \(name) is not in the cache") }
            guard !source.isInPass else { throw ModelError("sequence \(name): its last pass did not finish") }
            guard openDrafts[name] == nil else { throw ModelError("sequence \(name): its draft is not settled") }
            return source.count
        case .file(let file):
            guard file.fits(self) else { throw ModelError("\(file.path): a sequence of another cache") }
            return file.cachedCount
        }
    }

    /// Makes the sequences that the spans of a pass begin with; the memory is promised.
    ///
    /// - Throws: `MemoryError` when the system has no memory; none has been made then.
    func makeSequences(_ spans: [ForwardBatch.Span], from origins: [Int: SequenceOrigin]) throws {
        var made: [Int] = []
        do {
            for span in spans {
                guard let origin = origins[span.sequence] else { continue }
                sequences[span.sequence] = try sequenceBeginning(from: origin)
                made.append(span.sequence)
            }
        } catch {
            for name in made { if let sequence = sequences.removeValue(forKey: name) { release(sequence) } }
            throw error
        }
    }

    private func sequenceBeginning(from origin: SequenceOrigin) throws -> CachedSequence {
        switch origin {
        case .copy(let name):
            guard let source = sequences[name] else { preconditionFailure("sequence \(name) is gone") }
            return try copy(of: source)
        case .file(let file): return try restored(file)
        }
    }

    private func copy(of source: CachedSequence) throws -> CachedSequence {
        let copy = CachedSequence(streamCount: streamCount, layout: layout)
        copy.lease.growTables(pages: source.pageCapacity, flagWords: source.flagWords)
        pool.addPromised(copy.lease.byteCount)
        copy.count = source.count
        do {
            try copy.lease.share(source.lease, ringSlots: schedule.ringSlots, pool: &pool)
        } catch {
            release(copy)
            throw error
        }
        return copy
    }
}

/// What the start of a sequence needs before its first pass.
struct StartNeed {
    var pages: Int
    var tableBytes: Int
    /// What it then holds.
    let counts: any StreamCounts

    init(of origin: SequenceOrigin, in cache: CompactAttention) {
        switch origin {
        case .copy(let name):
            guard let source = cache.sequences[name] else { preconditionFailure("sequence \(name) is gone") }
            pages = source.lease.pagesCopiedByFork(ringSlots: cache.schedule.ringSlots)
            tableBytes = source.lease.byteCount
            counts = source
        case .file(let file):
            pages = file.pageCount
            tableBytes =
                KVLease.bareByteCount(streamCount: cache.streamCount)
                + KVLease.tableByteCount(
                    streamCount: cache.streamCount, pages: file.pageCapacity, flagWords: file.flagWords)
            counts = file
        }
    }
}
