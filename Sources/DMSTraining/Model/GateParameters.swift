import DMSCheckpoint
public import DMSPolicy
public import DMSTensor

/// The gates: one row of weights per (layer, KV head), and a norm per layer where they are adapters.
///
/// Borrowed rows are apart from the query projection while they are trained; in a checkpoint they are rows of `q_proj`,
/// see ``merge(into:)``. Adapters are tensors of their own in both.
public final class GateParameters: Sendable {
    /// Where the gates lie, a row for every layer and KV head.
    public let arena: ParameterArena
    /// In a row of queries, the column that each KV head borrows: `h · g · d + c`; none where gates are adapters.
    public let columns: [Int]
    /// Whether they read the residual stream, through a norm of their own.
    public let areAdapters: Bool

    /// The gates that a configuration asks for.
    ///
    /// - Throws: `PolicyError` where a head has no such channel, `MemoryError` when the system has no memory to give.
    public convenience init(_ parameters: LlamaParameters, dms: DMSConfiguration) throws {
        if dms.source == .adapter {
            try self.init(adaptersFor: parameters)
        } else {
            try self.init(parameters, channel: dms.channel)
        }
    }

    /// Adapters whose norms are 1 and whose projections are 0: every gate says `-alpha_offset`, which keeps.
    ///
    /// - Throws: `MemoryError` when the system has no memory to give.
    public init(adaptersFor parameters: LlamaParameters) throws(MemoryError) {
        columns = []
        areAdapters = true
        arena = try ParameterArena(
            ParameterLayout(parameters.configuration.adapterTensors.map { ($0.name, $0.shape) }))
        for (index, entry) in arena.layout.entries.enumerated() where entry.shape.count == 1 {
            arena.matrix(index).pointer.update(repeating: 1, count: entry.count)
        }
    }

    /// Zeros: every gate says `-alpha_offset`, which keeps.
    ///
    /// - Throws: `PolicyError` where a head has no such channel, `MemoryError` when the system has no memory to give.
    public init(_ parameters: LlamaParameters, channel: BorrowedChannel) throws {
        let configuration = parameters.configuration
        let dimension = configuration.headDimension
        let index = try channel.resolved(headDimension: dimension)
        areAdapters = false
        columns = (0..<configuration.keyValueHeadCount).map { $0 * configuration.groupSize * dimension + index }
        arena = try ParameterArena(
            ParameterLayout(
                (0..<configuration.layerCount).map {
                    ("gate.\($0)", [configuration.keyValueHeadCount, configuration.hiddenSize])
                }))
    }

    /// Gates of the same shape, zeros: gradients.
    public init(like other: GateParameters) throws(MemoryError) {
        columns = other.columns
        areAdapters = other.areAdapters
        arena = try ParameterArena(other.arena.layout)
    }

    /// `[keyValueHeads, hidden]`.
    public func layer(_ index: Int) -> MatrixView { arena.matrix(areAdapters ? 2 * index + 1 : index) }

    /// The norm of a layer's adapter as one row; `nil` for borrowed channels.
    public func norm(_ index: Int) -> MatrixView? { areAdapters ? arena.matrix(2 * index) : nil }

    /// Sets the borrowed rows of the query projections to exactly 0.
    public func zeroBorrowedRows(of parameters: LlamaParameters) {
        forEachRow(of: parameters) { row, _ in row.update(repeating: 0) }
    }

    /// Whether every borrowed row is exactly 0.
    public func borrowedRowsAreZero(in parameters: LlamaParameters) -> Bool {
        var allZero = true
        forEachRow(of: parameters) { row, _ in allZero = allZero && row.allSatisfy { $0 == 0 } }
        return allZero
    }

    /// Writes the gates where a checkpoint has them: into the borrowed rows.
    public func merge(into parameters: LlamaParameters) {
        forEachRow(of: parameters) { row, gate in _ = row.update(fromContentsOf: gate) }
    }

    private func forEachRow(
        of parameters: LlamaParameters,
        _ body: (UnsafeMutableBufferPointer<Float>, UnsafeMutableBufferPointer<Float>) -> Void
    ) {
        for index in 0..<parameters.configuration.layerCount {
            let query = parameters.layer(index).query
            for (head, column) in columns.enumerated() { body(query.row(column), layer(index).row(head)) }
        }
    }
}
