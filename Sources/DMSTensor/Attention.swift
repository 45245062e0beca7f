/// Consecutive slots of one KV head: keys that carry their rotary position, values, and who sees them.
///
/// The query at position p sees slot j when `firstQuery[j] <= p && p <= lastQuery[j]`; `nil` bounds nothing. This is
/// all a kernel learns about eviction.
public struct KVRun {
    /// The keys of the run, one slot after another, in the cache's element type.
    public var keys: UnsafeRawPointer
    /// The values of the run, laid out as the keys.
    public var values: UnsafeRawPointer
    /// One scale per slot for FP8 and INT8, else `nil`.
    public var keyScales: UnsafePointer<Float>?
    /// One scale for the values of each slot, for FP8 and INT8; else `nil`.
    public var valueScales: UnsafePointer<Float>?
    /// Slots of the run.
    public var count: Int
    /// The first query that sees each slot; `nil` where all see it from the beginning.
    public var firstQuery: UnsafePointer<Int32>?
    /// The last query that sees each slot; `nil` where it is never evicted.
    public var lastQuery: UnsafePointer<Int32>?

    /// A run of slots in memory that outlives the call.
    public init(
        keys: UnsafeRawPointer, values: UnsafeRawPointer, keyScales: UnsafePointer<Float>? = nil,
        valueScales: UnsafePointer<Float>? = nil, count: Int, firstQuery: UnsafePointer<Int32>? = nil,
        lastQuery: UnsafePointer<Int32>? = nil
    ) {
        self.keys = keys
        self.values = values
        self.keyScales = keyScales
        self.valueScales = valueScales
        self.count = count
        self.firstQuery = firstQuery
        self.lastQuery = lastQuery
    }
}

/// The heads of an attention layer.
public struct AttentionShape: Sendable, Hashable {
    /// Query heads, a multiple of ``keyValueHeads``.
    public let queryHeads: Int
    /// Heads of keys and values, each shared by a group of query heads.
    public let keyValueHeads: Int
    /// Channels of a head.
    public let headDimension: Int

    /// A shape; the query heads must be a multiple of the others.
    public init(queryHeads: Int, keyValueHeads: Int, headDimension: Int) {
        precondition(keyValueHeads > 0 && queryHeads % keyValueHeads == 0, "\(queryHeads) over \(keyValueHeads) heads")
        precondition(headDimension > 0 && headDimension % 2 == 0, "an odd head dimension \(headDimension)")
        self.queryHeads = queryHeads
        self.keyValueHeads = keyValueHeads
        self.headDimension = headDimension
    }

    /// Query heads that share a KV head.
    public var groupSize: Int { queryHeads / keyValueHeads }
    /// 1 / sqrt(d), the factor of every score.
    public var scale: Float { 1 / Float(headDimension).squareRoot() }
}

/// The work lists of one attention call: sequences, and for each KV head of each sequence its runs.
///
/// It is reused from step to step, so that a decode loop allocates nothing once it has grown to its working size.
public struct AttentionBatch {
    struct Sequence {
        var rows: Range<Int>
        var firstPosition: Int32
        var firstRunStart: Int
    }

    let keyValueHeads: Int
    var sequences: [Sequence] = []
    /// Ends of the run lists: `keyValueHeads + 1` entries per sequence, counted from the sequence's own first run.
    var runStarts: [UInt32] = []
    var runs: [KVRun] = []
    var firstRunOfSequence: [Int] = []

    /// No sequences, for so many KV heads.
    public init(keyValueHeads: Int) {
        self.keyValueHeads = keyValueHeads
    }

    /// Empties the lists and keeps their memory.
    public mutating func removeAll() {
        sequences.removeAll(keepingCapacity: true)
        runStarts.removeAll(keepingCapacity: true)
        runs.removeAll(keepingCapacity: true)
        firstRunOfSequence.removeAll(keepingCapacity: true)
    }

    /// Adds the queries of one sequence: `rows` of q and out, at positions `firstPosition...`.
    ///
    /// - Parameter appendRuns: Called once per KV head, in order, to append that head's runs.
    public mutating func addSequence(
        rows: Range<Int>, firstPosition: Int, appendRuns: (_ head: Int, _ runs: inout [KVRun]) -> Void
    ) {
        let firstRun = runs.count
        sequences.append(
            Sequence(rows: rows, firstPosition: Int32(firstPosition), firstRunStart: runStarts.count))
        firstRunOfSequence.append(firstRun)
        runStarts.append(0)
        for head in 0..<keyValueHeads {
            appendRuns(head, &runs)
            runStarts.append(UInt32(runs.count - firstRun))
        }
    }

    /// Slots over all runs, for tests and cost reports.
    public var slotCount: Int { runs.reduce(0) { $0 + $1.count } }
}
