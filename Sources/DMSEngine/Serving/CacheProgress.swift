/// What a request's cache holds after a step in which it was computed, and what became of its tokens.
///
/// Sent to requests that ask for it: ``GenerationRequest/reportsCache``. A request that gave its memory back reports its
/// positions again when they are computed again.
public struct CacheProgress: Sendable, Hashable {
    /// Tokens that the cache has seen.
    public let tokens: Int
    /// Tokens before the first that is generated, those of a continued conversation included.
    public let promptTokens: Int
    /// The tokens before ``decided`` that were not told of yet, because a stored prefix or a saved conversation had
    /// them: what they decided is not known any more.
    public let earlierTokens: [Int32]
    /// Positions whose fate was decided in this step.
    public let decided: Range<Int>
    /// The tokens at these.
    public let decidedTokens: [Int32]
    /// Which (layer, KV head) evicts them: for each position `(layers · heads + 7) / 8` bytes, in which bit
    /// `layer · heads + head`, the lowest first, is set for a token that goes when it leaves the window.
    public let evictions: [UInt8]
    /// Token·heads seen: tokens × layers × KV heads.
    public let seenTokenHeads: Int
    /// Token·heads that are stored now.
    public let liveTokenHeads: Int
    /// Their bytes.
    public let liveBytes: Int
    /// What a dense cache of the same element type would hold.
    public let denseBytes: Int
    /// Pages and tables of this request, pages that it shares included.
    public let allocatedBytes: Int

    /// Token·heads seen over those that are stored: what eviction has saved so far, 1 where it has saved nothing.
    public var liveRatio: Double { liveTokenHeads > 0 ? Double(seenTokenHeads) / Double(liveTokenHeads) : 1 }
}
