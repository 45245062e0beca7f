public import DMSModel
public import DMSTensor

/// A model with the memory to run it: sequences go through in passes of bounded size.
public final class ModelRunner {
    /// The model that is run.
    public let model: LlamaModel
    /// The most tokens of one pass (`--prefill-chunk`).
    ///
    /// It changes memory and speed. Results change by rounding where the cache keeps its keys in an order that depends on
    /// when they arrived, as the compact one does, and not at all on the strict path.
    public let passLength: Int
    private let workspace: ForwardWorkspace

    /// - Throws: ``EvaluationError`` for a pass length below 1, `MemoryError` when there is no memory for a pass.
    public init(_ model: LlamaModel, passLength: Int) throws {
        guard passLength >= 1 else {
            throw EvaluationError("prefill chunk: found \(passLength); required: at least 1")
        }
        self.model = model
        self.passLength = passLength
        workspace = try ForwardWorkspace(model.configuration, maximumRows: passLength)
    }

    /// Runs the next tokens of a sequence.
    ///
    /// - Parameters:
    ///   - position: Tokens of the sequence that have been run before.
    ///   - body: Is handed the normalised hidden states of each pass, `[rows, hidden]`, and the position of the first;
    ///     they are valid during the call.
    /// - Throws: What the model, the path or `body` throws.
    public func run(
        _ tokens: ArraySlice<Int32>, from position: Int, through path: any AttentionPath, eviction: EvictionControl,
        observer: (any ActivationObserver)? = nil, _ body: (MatrixView, Int) throws -> Void
    ) throws {
        var start = tokens.startIndex
        while start < tokens.endIndex {
            let end = min(start + passLength, tokens.endIndex)
            let first = position + start - tokens.startIndex
            let hidden = try model.forward(
                ForwardBatch(tokens: tokens[start..<end], firstPosition: first), attention: path.attention,
                eviction: eviction, workspace: workspace, observer: observer)
            try body(hidden, first)
            start = end
        }
    }
}
