import DMSCache
import DMSModel

/// The cache as the scheduler sees it while it plans a step: stored prefixes count as free.
///
/// One serves all steps; where nothing starts or gives way it allocates nothing.
final class CacheMemory: SchedulerMemory {
    private let cache: CompactAttention
    private let prefixes: PrefixCache
    private let request: (RequestID) -> OpenRequest?
    /// Waits for memory that is held until it was written to a file, and tells whether there was any.
    private let awaitSaves: () -> Bool
    /// What removing sequences would free; as expensive as they are large, and asked for again and again.
    private var freed: [Set<Int>: FreedMemory] = [:]
    /// The spans that are asked about, as the cache wants them.
    private var rows: [ForwardBatch.Span] = []

    init(
        _ cache: CompactAttention, prefixes: PrefixCache, awaitSaves: @escaping () -> Bool,
        request: @escaping (RequestID) -> OpenRequest?
    ) {
        self.cache = cache
        self.prefixes = prefixes
        self.request = request
        self.awaitSaves = awaitSaves
    }

    /// A step begins, before which the cache may have changed.
    func beginStep() {
        if !freed.isEmpty { freed.removeAll() }
    }

    func storedPrefix(of id: RequestID) -> StoredPrefix {
        // The tokens of a conversation arrived in other company than those of a prompt, so they share nothing.
        // Nor does a prompt whose rows all have to be computed.
        guard let request = request(id), request.session == nil, request.promptScores == nil else {
            return StoredPrefix()
        }
        return prefixes.stored(of: request)
    }

    func fits(_ spans: [PlannedSpan], removing removed: Set<RequestID>) -> Bool {
        if fitsNow(spans, removing: removed) { return true }
        // Nobody gives way, and nothing ends for want of memory, that is about to be free.
        guard awaitSaves() else { return false }
        freed.removeAll()
        return fitsNow(spans, removing: removed)
    }

    private func fitsNow(_ spans: [PlannedSpan], removing removed: Set<RequestID>) -> Bool {
        let origins = origins(of: spans, removing: removed)
        let names = Self.names(removed)
        list(spans)
        if cache.fits(rows, removing: names, starting: origins) { return true }
        let reclaimable = prefixes.sequences.subtracting(Self.sources(origins))
        if reclaimable.isEmpty { return false }
        let all = names.union(reclaimable)
        let freed = self.freed[all] ?? cache.memoryFreed(byRemoving: all)
        self.freed[all] = freed
        return cache.fits(rows, removing: all, freeing: freed, starting: origins)
    }

    func hasRoom(for spans: [PlannedSpan], removing removed: Set<RequestID>) -> Bool {
        list(spans)
        return cache.fits(
            rows, removing: Self.names(removed), starting: origins(of: spans, removing: removed))
    }

    /// Makes room for a planned pass at the expense of stored prefixes, and lets its sequences start with what is
    /// stored of them; what the plan removes is gone.
    func prepare(_ spans: [PlannedSpan]) {
        let origins = origins(of: spans, removing: [])
        list(spans)
        prefixes.reclaim(but: Self.sources(origins)) { cache.fits(rows, starting: origins) }
        for span in spans {
            guard let origin = origins[span.id.rawValue] else { continue }
            cache.start(span.id.rawValue, from: origin)
            guard let request = request(span.id) else { continue }
            request.reusedTokens = span.positions.lowerBound
            if request.session == nil { prefixes.noteStart(request, count: span.positions.lowerBound) }
        }
    }

    /// Where the sequences begin that are not there and do not begin with nothing.
    private func origins(of spans: [PlannedSpan], removing removed: Set<RequestID>) -> [Int: SequenceOrigin] {
        var origins: [Int: SequenceOrigin] = [:]
        for span in spans where span.positions.lowerBound > 0 {
            let isThere = cache.tokenCount(of: span.id.rawValue) > 0 && !removed.contains(span.id)
            guard !isThere, let request = request(span.id) else { continue }
            origins[span.id.rawValue] =
                request.session.map { SequenceOrigin.file($0) }
                ?? .copy(of: prefixes.sequence(for: request, count: span.positions.lowerBound))
        }
        return origins
    }

    private static func sources(_ origins: [Int: SequenceOrigin]) -> Set<Int> {
        var sources: Set<Int> = []
        for case .copy(let source) in origins.values { sources.insert(source) }
        return sources
    }

    private static func names(_ removed: Set<RequestID>) -> Set<Int> {
        removed.isEmpty ? [] : Set(removed.map(\.rawValue))
    }

    private func list(_ spans: [PlannedSpan]) {
        rows.removeAll(keepingCapacity: true)
        for span in spans {
            rows.append(
                ForwardBatch.Span(
                    sequence: span.id.rawValue, rows: 0..<span.positions.count,
                    firstPosition: span.positions.lowerBound, rowByRow: span.rowByRow, draftRows: span.drafted))
        }
    }
}
