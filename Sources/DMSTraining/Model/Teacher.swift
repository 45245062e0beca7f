public import DMSModel
public import DMSTensor

/// The frozen base model that a student is to stay close to; the inference graph over dense attention.
public final class Teacher {
    /// The frozen base.
    public let model: LlamaModel
    private let workspace: ForwardWorkspace
    private let attention: DenseAttention

    /// - Parameter rows: The most tokens of a batch.
    /// - Throws: `MemoryError` when the system has no such memory to give.
    public init(_ model: LlamaModel, rows: Int) throws {
        self.model = model
        workspace = try ForwardWorkspace(model.configuration, maximumRows: rows)
        attention = DenseAttention(model)
    }

    /// The hidden states of every row, valid until the next call.
    ///
    /// - Throws: What the graph throws, as for a token outside the vocabulary.
    public func hidden(_ batch: TokenBatch) throws -> MatrixView {
        attention.removeAll()
        var forward = ForwardBatch()
        for sequence in 0..<batch.sequences {
            forward.append(
                sequence: sequence, tokens: batch.tokens[sequence * batch.length..<(sequence + 1) * batch.length],
                firstPosition: 0)
        }
        return try model.forward(forward, attention: attention, eviction: .off, workspace: workspace)
    }
}
