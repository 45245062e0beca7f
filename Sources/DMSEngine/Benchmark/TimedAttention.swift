public import DMSModel
public import DMSTensor

/// An attention operator that passes everything on to another and adds up its time.
///
/// With ``TimedKernels`` under the same model, the operator's own bookkeeping is what remains of ``seconds`` without
/// the kernels' attention and storing.
public final class TimedAttention: AttentionOperator {
    private let base: any AttentionOperator
    /// Seconds spent since the last ``reset()``, kernels included.
    public private(set) var seconds = 0.0

    /// Measures an operator.
    public init(_ base: any AttentionOperator) { self.base = base }

    /// Starts over.
    public func reset() { seconds = 0 }

    public func begin(_ batch: ForwardBatch) throws {
        let watch = Stopwatch()
        try base.begin(batch)
        seconds += watch.seconds
    }

    public func attend(layer: Int, _ input: AttentionInput, into output: MatrixView) throws {
        let watch = Stopwatch()
        try base.attend(layer: layer, input, into: output)
        seconds += watch.seconds
    }

    public func finish(_ batch: ForwardBatch) {
        let watch = Stopwatch()
        base.finish(batch)
        seconds += watch.seconds
    }
}
