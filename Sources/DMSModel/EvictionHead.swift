import DMSPolicy
import DMSTensor

/// Reads the eviction decisions of one layer out of its queries, and silences the borrowed channel.
///
/// In layer l the KV head h borrows channel c of the first query head of its group: column `h · g · d + c`
/// (Dynamic Memory Sparsification, arXiv 2506.05345).
struct EvictionHead {
    let decision: EvictionDecision
    let zeroing: ChannelZeroing
    let columns: [Int]

    init(_ configuration: DMSConfiguration, shape: AttentionShape) throws(PolicyError) {
        let channel = try configuration.channel.resolved(headDimension: shape.headDimension)
        decision = configuration.decision
        zeroing = configuration.zeroing
        columns = (0..<shape.keyValueHeads).map { $0 * shape.groupSize * shape.headDimension + channel }
    }

    /// Writes `[rows, heads]` raw values and flags, from queries that carry no rotary position yet.
    func decide(
        queries: MatrixView, raw: UnsafeMutablePointer<Float>, flags: UnsafeMutablePointer<UInt8>
    ) {
        for row in 0..<queries.rows {
            let query = queries.row(row)
            for (head, column) in columns.enumerated() {
                let value = query[column]
                raw[row * columns.count + head] = value
                flags[row * columns.count + head] = decision.evicts(raw: value) ? 1 : 0
            }
        }
    }

    func zeroBeforeRope(_ queries: MatrixView) {
        if zeroing.zeroesBeforeRope { zero(queries) }
    }

    func zeroAfterRope(_ queries: MatrixView) {
        if zeroing.zeroesAfterRope { zero(queries) }
    }

    private func zero(_ queries: MatrixView) {
        for row in 0..<queries.rows {
            let query = queries.row(row)
            for column in columns { query[column] = 0 }
        }
    }
}
