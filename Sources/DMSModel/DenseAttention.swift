import DMSCheckpoint
public import DMSPolicy
public import DMSTensor

/// The reference operator: a cache that keeps every token, and hides what the rule hides.
///
/// Without a rule it is plain dense attention. With one it computes the *strict mask*, the function that defines what
/// every other operator must compute: evicted keys stay in memory and are masked for queries beyond the window. It
/// saves no memory; use `CompactAttention` to serve.
public final class DenseAttention: AttentionOperator {
    private let shape: AttentionShape
    private let layerCount: Int
    private let kvType: ScalarType
    private let precision: Precision
    private let kernels: any InferenceKernels
    private let retention: (rule: RetentionRule, assembly: DecisionAssembly)?
    private var sequences: [Int: DenseSequence] = [:]
    private var batch: ForwardBatch = ForwardBatch()
    private var lists: AttentionBatch
    /// Position p sees keys up to p: the first query of the key at position j is j.
    private var ownPosition: [Int32] = []

    /// - Parameters:
    ///   - retention: The rule and who decides, or `nil` for plain dense attention.
    public init(
        _ model: LlamaModel, kvType: ScalarType = .float32,
        retention: (rule: RetentionRule, assembly: DecisionAssembly)? = nil
    ) {
        shape = model.attentionShape
        layerCount = model.configuration.layerCount
        self.kvType = kvType
        precision = model.precision
        kernels = model.kernels
        self.retention = retention
        lists = AttentionBatch(keyValueHeads: shape.keyValueHeads)
    }

    /// The strict mask of the model's own checkpoint; plain dense attention where it has no gate.
    public convenience init(strictMaskOf model: LlamaModel, kvType: ScalarType = .float32) {
        let retention = model.dms.map { (rule: $0.rule, assembly: $0.assembly) }
        self.init(model, kvType: kvType, retention: retention)
    }

    /// Tokens stored for a sequence.
    public func tokenCount(of sequence: Int) -> Int { sequences[sequence]?.count ?? 0 }

    /// Forgets a sequence and gives its memory back.
    public func remove(_ sequence: Int) { sequences[sequence] = nil }

    /// Forgets all sequences.
    public func removeAll() { sequences.removeAll() }

    /// Bytes allocated for keys, values, scales and visibility.
    public var allocatedBytes: Int { sequences.values.reduce(0) { $0 + $1.byteCount } }

    public func begin(_ batch: ForwardBatch) throws {
        for span in batch.spans {
            let stored = tokenCount(of: span.sequence)
            guard stored == span.firstPosition else {
                throw ModelError("sequence \(span.sequence) holds \(stored) tokens, not \(span.firstPosition)")
            }
            guard span.draftRows == 0 else {
                throw ModelError("sequence \(span.sequence): the reference operator takes no drafts")
            }
            if sequences[span.sequence] == nil {
                sequences[span.sequence] = DenseSequence(shape: shape, layerCount: layerCount, kvType: kvType)
            }
            try sequences[span.sequence]?.reserve(span.firstPosition + span.rows.count)
            let end = span.firstPosition + span.rows.count
            for position in ownPosition.count..<max(end, ownPosition.count) { ownPosition.append(Int32(position)) }
        }
        self.batch = batch
    }

    public func attend(layer: Int, _ input: AttentionInput, into output: MatrixView) throws {
        lists.removeAll()
        try ownPosition.withUnsafeBufferPointer { ownPosition in
            for span in batch.spans {
                guard let sequence = sequences[span.sequence] else { preconditionFailure("attend before begin") }
                sequence.store(layer: layer, span: span, input: input, kernels: kernels)
                if let decisions = input.decisions, let retention {
                    sequence.mark(
                        layer: layer, span: span, decisions: decisions, rule: retention.rule,
                        assembly: retention.assembly)
                }
                let end = span.firstPosition + span.rows.count
                lists.addSequence(rows: span.rows, firstPosition: span.firstPosition) { head, runs in
                    runs.append(
                        sequence.run(
                            layer: layer, head: head, count: end, firstQuery: ownPosition.baseAddress,
                            isMasked: retention != nil))
                }
            }
            try kernels.attention(
                input.queries, lists, shape: shape, kvType: kvType, precision: precision, into: output)
        }
    }

    public func finish(_ batch: ForwardBatch) {
        for span in batch.spans { sequences[span.sequence]?.count += span.rows.count }
    }
}
