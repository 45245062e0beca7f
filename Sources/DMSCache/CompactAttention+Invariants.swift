import DMSTensor

extension CompactAttention {
    /// Recounts everything between two passes: pages and references, streams, bytes.
    ///
    /// - Throws: ``CacheInvariantError`` naming the first contradiction.
    public func checkInvariants() throws(CacheInvariantError) {
        var references: [Int32: Int] = [:]
        for (name, sequence) in sequences {
            for stream in 0..<streamCount {
                try checkStream(stream, sequence, "sequence \(name), stream \(stream)")
                for page in sequence.lease.pageNames(stream) { references[page, default: 0] += 1 }
            }
        }
        try pool.checkInvariants(references: references)
        let allocated = pool.slabBytes + tableBytes + (staging?.byteCount ?? 0) + (rollbackLog?.byteCount ?? 0)
        guard allocated == pool.ledger.allocated else {
            throw CacheInvariantError("\(allocated) bytes are allocated, \(pool.ledger.allocated) counted")
        }
        guard allocated <= pool.ledger.budget ?? .max, pool.ledger.peak <= pool.ledger.budget ?? .max else {
            throw CacheInvariantError("\(allocated) bytes (\(pool.ledger.peak) at peak) exceed the budget")
        }
    }

    private func checkStream(
        _ stream: Int, _ sequence: CachedSequence, _ name: String
    ) throws(CacheInvariantError) {
        let state = sequence.lease.streams[stream]
        let seen = Int(state.seen)
        let used = Int(state.used)
        guard seen == sequence.count || sequence.isInPass else {
            throw CacheInvariantError("\(name): \(seen) tokens seen, \(sequence.count) by the sequence")
        }
        let ring = schedule.ringSlots(of: seen)
        guard (ring...max(ring, seen)).contains(used), schedule.hasRule || used == seen else {
            throw CacheInvariantError("\(name): \(used) tokens stored of \(seen) seen, \(ring) in the window")
        }
        let pages = sequence.lease.pageNames(stream)
        guard pages.count <= sequence.lease.pageCapacity, (ring + 63) / 64 <= sequence.lease.flagWords else {
            throw CacheInvariantError("\(name): tables smaller than what they hold")
        }
        let immutable = sequence.lease.sharedPages(stream, ringSlots: schedule.ringSlots)
        for (index, page) in pages.enumerated() {
            let count = pool.referenceCount(page)
            guard count == 1 || (count > 1 && immutable.contains(index)) else {
                throw CacheInvariantError("\(name): page \(index), which may change, has \(count) references")
            }
        }
    }

    /// The tokens that a head stores, slot by slot, widened to FP32: keys and values, each `[tokens][d]`.
    ///
    /// For tests.
    package func storedTokens(layer: Int, head: Int, sequence: Int) -> (keys: [[Float]], values: [[Float]]) {
        guard let stored = sequences[sequence] else { return ([], []) }
        let stream = stream(layer, head)
        var keys: [[Float]] = []
        var values: [[Float]] = []
        for index in 0..<Int(stored.lease.streams[stream].used) {
            let slot = stored.lease.slot(stream, index, pool)
            keys.append(widened(slot.key(layout), slot.keyScale(layout)))
            values.append(widened(slot.value(layout), slot.valueScale(layout)))
        }
        return (keys, values)
    }

    private func widened(_ row: UnsafeMutableRawPointer, _ scale: UnsafeMutablePointer<Float>?) -> [Float] {
        [Float](unsafeUninitializedCapacity: shape.headDimension) { buffer, count in
            guard let base = buffer.baseAddress else { return }
            kernels.loadKV(
                row, scales: scale.map { UnsafePointer($0) }, type: layout.type,
                into: MatrixView(pointer: base, rows: 1, columns: shape.headDimension, stride: shape.headDimension))
            count = shape.headDimension
        }
    }
}
