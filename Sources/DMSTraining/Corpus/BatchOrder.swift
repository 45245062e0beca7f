import DMSPolicy

/// Which chunks a batch takes: a pure value, so that resuming a training needs nothing but the number of the batch.
///
/// Chunks are visited epoch by epoch, each exactly once per epoch and in an order of its own. Batches follow each other
/// without a gap: where the chunks do not fill whole batches, one batch takes the last chunks of an epoch and the first
/// of the next.
///
/// With several ranks the batches are dealt in turn. Rank r of n takes the global batch `index * n + r`; so n ranks that
/// accumulate a batches see in a step the chunks of one rank that accumulates n·a.
public struct BatchOrder: Sendable, Hashable {
    /// Chunks of the corpus.
    public let chunkCount: Int
    /// Chunks of one batch.
    public let chunksPerBatch: Int
    /// What the order of every epoch follows from.
    public let seed: UInt64
    /// This process among `rankCount`.
    public let rank: Int
    /// Processes that share the work.
    public let rankCount: Int

    /// The order in which one process of several takes the chunks.
    public init(chunkCount: Int, chunksPerBatch: Int, seed: UInt64, rank: Int = 0, rankCount: Int = 1) {
        precondition(chunkCount >= 1 && chunksPerBatch >= 1, "\(chunksPerBatch) of \(chunkCount) chunks")
        precondition(rankCount >= 1 && (0..<rankCount).contains(rank), "rank \(rank) of \(rankCount)")
        self.chunkCount = chunkCount
        self.chunksPerBatch = chunksPerBatch
        self.seed = seed
        self.rank = rank
        self.rankCount = rankCount
    }

    /// The chunks of one of this rank's batches, in O(`chunksPerBatch`).
    ///
    /// - Parameter index: Counted from 0 over the whole training.
    public func chunks(ofBatch index: Int) -> [Int] {
        precondition(index >= 0, "batch \(index)")
        let first = (index * rankCount + rank) * chunksPerBatch
        return (first..<first + chunksPerBatch).map { place in
            let permutation = ChunkPermutation(count: chunkCount, seed: seed, epoch: place / chunkCount)
            return permutation[place % chunkCount]
        }
    }
}

/// A permutation that is computed where it is needed and never stored.
///
/// A Feistel network permutes the smallest even number of bits that holds all chunks (Luby and Rackoff, SIAM J. Comput.
/// 1988); where it leads beyond the chunks it is applied again, which ends at a chunk because a permutation's cycles
/// close. The bits hold less than four times as many values as there are chunks, so few applications are needed.
struct ChunkPermutation {
    private static let rounds: UInt64 = 8

    private let count: UInt64
    private let halfBits: UInt64
    private let key: UInt64

    init(count: Int, seed: UInt64, epoch: Int) {
        self.count = UInt64(count)
        var halfBits: UInt64 = 1
        while 1 << (2 * halfBits) < self.count { halfBits += 1 }
        self.halfBits = halfBits
        key = SplitMix64.mixed(SplitMix64.mixed(seed) ^ UInt64(epoch))
    }

    subscript(place: Int) -> Int {
        var value = UInt64(place)
        repeat { value = permuted(value) } while value >= count
        return Int(value)
    }

    private func permuted(_ value: UInt64) -> UInt64 {
        let mask = (1 << halfBits) - 1 as UInt64
        var (left, right) = (value >> halfBits, value & mask)
        for round in 0..<Self.rounds {
            (left, right) = (right, left ^ (SplitMix64.mixed(key ^ (round << 56) ^ right) & mask))
        }
        return left << halfBits | right
    }
}
