/// Where a sequence begins that is not in the cache yet, if not with nothing.
public enum SequenceOrigin: Sendable {
    /// Where another sequence of the cache stands, whose full pages it shares; see ``CompactAttention/fork(_:as:)``.
    case copy(of: Int)
    /// Where a saved sequence stood.
    case file(SequenceFile)
}

/// How much the streams of a sequence hold: what the memory of a pass over it follows from.
protocol StreamCounts {
    /// Tokens that a stream stores.
    func used(_ stream: Int) -> Int
    /// Pages that the tables have room for, per stream.
    var pageCapacity: Int { get }
    /// Words of eviction flags that they have room for, per stream.
    var flagWords: Int { get }
}

extension CachedSequence: StreamCounts {
    func used(_ stream: Int) -> Int { Int(lease.streams[stream].used) }
    var pageCapacity: Int { lease.pageCapacity }
    var flagWords: Int { lease.flagWords }
}
