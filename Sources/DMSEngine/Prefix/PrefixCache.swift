import DMSCache

/// The prefixes of prompts that an engine keeps: sequences of its cache that nobody extends, the least recently used of
/// which go first.
///
/// A prefix ends at a boundary of the grid on which prompts are computed, so whoever starts with it computes the same
/// bits as without. It shares full pages with the sequences that it came from and that began with it; its ring, with
/// what was decided so far, and its last pages are its own. It has a share in the cache's budget only as long as nobody
/// needs that. Two boundaries of a prompt are stored: the last one, for whoever continues it; and where it parts from
/// a prompt that was there before, for whoever begins in the same way.
///
/// Used by the engine's thread alone.
final class PrefixCache {
    /// What was found out about a request, until the index changes.
    struct Lookup {
        fileprivate let version: Int
        fileprivate let entries: [PrefixIndex.Entry]
        let stored: StoredPrefix
    }

    /// What the prefixes were good for.
    struct Counts {
        /// Requests that began with a prefix, counted at every start.
        var hits = 0
        /// Tokens that these need not compute.
        var reusedTokens = 0
        /// Prefixes that were stored.
        var stored = 0
        /// Prefixes that were given up for others, or for requests that needed their memory.
        var reclaimed = 0
    }

    private let cache: CompactAttention
    private let limit: Int
    private var index: PrefixIndex
    private var version = 0
    private(set) var counts = Counts()
    // Requests have the numbers from 0 on.
    private var nextSequence = -1

    /// - Parameter limit: The most prefixes; 0 stores none.
    init(_ cache: CompactAttention, limit: Int) {
        self.cache = cache
        self.limit = limit
        index = PrefixIndex(blockTokens: cache.configuration.rowsPerBlock)
    }

    /// Prefixes that are stored now.
    var count: Int { index.count }
    /// Their sequences.
    var sequences: Set<Int> { index.sequences }

    // MARK: Starting with a prefix

    /// What is stored of a request's prompt, and what is worth storing.
    func stored(of request: OpenRequest) -> StoredPrefix { lookUp(request).stored }

    private func lookUp(_ request: OpenRequest) -> Lookup {
        if let known = request.prefixLookup, known.version == version { return known }
        let prompt = request.request.prompt
        let match = index.match(prompt, salt: request.request.cacheSalt)
        var stored = StoredPrefix()
        if limit > 0 {
            // The last token is computed in any case, for the logits behind it.
            stored.reusable = match.entries.last { $0.count < prompt.count }?.count ?? 0
            if match.known > match.entries.last?.count ?? 0 { stored.boundaries.append(match.known) }
            let whole = prompt.count / index.blockTokens * index.blockTokens
            if whole > match.known { stored.boundaries.append(whole) }
        }
        let lookup = Lookup(version: version, entries: match.entries, stored: stored)
        request.prefixLookup = lookup
        return lookup
    }

    /// The sequence that holds the first `count` tokens of a request.
    func sequence(for request: OpenRequest, count: Int) -> Int {
        guard let entry = lookUp(request).entries.first(where: { $0.count == count }) else {
            preconditionFailure("\(request.id) starts with \(count) tokens, which nobody stores")
        }
        return entry.sequence
    }

    /// Notes that a request starts with a prefix.
    func noteStart(_ request: OpenRequest, count: Int) {
        counts.hits += 1
        counts.reusedTokens += count
        index.touch(lookUp(request).entries.filter { $0.count <= count })
    }

    // MARK: Storing

    /// Stores the state of a request that has computed `count` tokens, if there is room beside what is used more.
    func store(_ request: OpenRequest, count: Int) {
        let known = lookUp(request).entries
        if limit == 0 || known.contains(where: { $0.count == count }) { return }
        // The shorter prefixes of the same prompt are as much in use as this one.
        index.touch(known.filter { $0.count < count })
        while index.count >= limit, reclaimOne() {}
        while true {
            do {
                try cache.fork(request.id.rawValue, as: nextSequence)
                break
            } catch is CacheError {
                if !reclaimOne() { return }
            } catch {
                // The system has no memory. Nothing depends on a prefix.
                return
            }
        }
        index.insert(request.request.prompt, count: count, salt: request.request.cacheSalt, sequence: nextSequence)
        nextSequence -= 1
        counts.stored += 1
        version += 1
    }

    // MARK: Giving up

    /// Gives prefixes up, the least recently used first, until that is enough or none is left.
    ///
    /// - Parameter kept: Sequences that stay.
    func reclaim(but kept: Set<Int>, until isEnough: () -> Bool) {
        while !isEnough(), reclaimOne(but: kept) {}
    }

    private func reclaimOne(but kept: Set<Int> = []) -> Bool {
        guard let entry = index.leastRecent(but: kept) else { return false }
        remove(entry.sequence)
        counts.reclaimed += 1
        return true
    }

    /// Gives all prefixes up.
    func removeAll() {
        for sequence in index.sequences { remove(sequence) }
    }

    private func remove(_ sequence: Int) {
        cache.remove(sequence)
        index.remove(sequence: sequence)
        version += 1
    }
}
