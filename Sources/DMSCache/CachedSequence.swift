import DMSPolicy

/// One sequence in the cache.
final class CachedSequence {
    var lease: KVLease
    /// Tokens of finished passes.
    var count = 0
    /// Whether a pass over it has begun and not finished; its streams may then differ in length.
    var isInPass = false
    /// What this sequence decided and stored, token by token.
    var tally = CompressionTally()

    init(streamCount: Int, layout: KVPageLayout) {
        lease = KVLease(streamCount: streamCount, layout: layout)
    }

    /// Token·heads stored now.
    var liveTokens: Int {
        (0..<lease.streamCount).reduce(0) { $0 + Int(lease.streams[$1].used) }
    }
}
