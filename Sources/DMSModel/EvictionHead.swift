import DMSPolicy
import DMSTensor

/// Makes the eviction decisions of one layer, and where gates are channels of its queries reads and silences them.
///
/// In layer l the KV head h borrows channel c of the first query head of its group: column `h · g · d + c`
/// (Dynamic Memory Sparsification, arXiv 2506.05345). Where gates are adapters no column is borrowed.
struct EvictionHead {
    let decision: EvictionDecision
    let zeroing: ChannelZeroing
    let columns: [Int]

    init(_ configuration: DMSConfiguration, shape: AttentionShape) throws(PolicyError) {
        decision = configuration.decision
        zeroing = configuration.zeroing
        guard configuration.source == .borrowedQueryChannel else {
            columns = []
            return
        }
        let channel = try configuration.channel.resolved(headDimension: shape.headDimension)
        columns = (0..<shape.keyValueHeads).map { $0 * shape.groupSize * shape.headDimension + channel }
    }

    /// Writes the raw values of borrowed channels, `[rows, heads]`, from queries that carry no rotary position yet;
    /// leaves those of adapters as they are.
    func read(_ queries: MatrixView, into raw: MatrixView) {
        if columns.isEmpty { return }
        for row in 0..<queries.rows {
            let (query, values) = (queries.row(row), raw.row(row))
            for (head, column) in columns.enumerated() { values[head] = query[column] }
        }
    }

    /// Writes a flag for every raw value, `[rows, heads]`.
    func decide(_ raw: MatrixView, flags: UnsafeMutablePointer<UInt8>) {
        for row in 0..<raw.rows {
            for (head, value) in raw.row(row).enumerated() {
                flags[row * raw.columns + head] = decision.evicts(raw: value) ? 1 : 0
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
