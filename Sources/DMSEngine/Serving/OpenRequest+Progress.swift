import DMSCache

extension OpenRequest {
    /// What the cache holds after a pass, for a request that asks for it.
    ///
    /// - Parameter decisions: What the span's rows decided, as ``CacheProgress/evictions`` has it.
    func progress(_ span: PlannedSpan, decisions: [UInt8], _ cache: CompactAttention) -> CacheProgress? {
        guard let usage = cache.usage(of: id.rawValue) else { return nil }
        let decided = cache.keys(decidedBy: span.positions)
        let earlier = reportedTokens < decided.lowerBound ? tokens[reportedTokens..<decided.lowerBound] : []
        reportedTokens = max(reportedTokens, decided.upperBound)
        // A first decision may be about a token before the first, which there is not.
        let bytesPerRow = decisions.count / span.positions.count
        return CacheProgress(
            tokens: usage.tokens, promptTokens: promptCount, earlierTokens: Array(earlier), decided: decided,
            decidedTokens: Array(tokens[decided]),
            evictions: Array(decisions.suffix(decided.count * bytesPerRow)), seenTokenHeads: usage.seenTokenHeads,
            liveTokenHeads: usage.liveTokenHeads, liveBytes: usage.liveBytes, denseBytes: usage.denseBytes,
            allocatedBytes: usage.allocatedBytes)
    }
}
