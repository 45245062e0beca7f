public import DMSTensor

/// A backend that passes every operation on to another and adds up where the time goes.
public final class TimedKernels: InferenceKernels, @unchecked Sendable {
    // Invariant for Sendable: one caller at a time, as the protocol demands.

    /// Seconds spent since the last ``reset()``.
    public struct Seconds: Sendable, Hashable {
        /// Linear layers.
        public var linear = 0.0
        /// Attention.
        public var attention = 0.0
        /// Writing keys and values into a cache.
        public var storing = 0.0
        /// Everything else.
        public var other = 0.0
    }

    private let base: any InferenceKernels
    /// What was measured since the last reset.
    public private(set) var seconds = Seconds()
    /// Whether attention is left out and its output left as it is: for filling a cache with numbers that mean nothing.
    var skipsAttention = false

    /// Measures kernels.
    public init(_ base: any InferenceKernels) { self.base = base }

    /// Starts over.
    public func reset() { seconds = Seconds() }

    public var name: String { base.name }

    private func timed(_ part: WritableKeyPath<Seconds, Double>, _ body: () -> Void) {
        let watch = Stopwatch()
        body()
        seconds[keyPath: part] += watch.seconds
    }

    public func reserveLinear(inputs: Int, precision: Precision) throws(MemoryError) {
        try base.reserveLinear(inputs: inputs, precision: precision)
    }

    public func takesPanels(_ format: WeightFormat, layout: WeightLayout) -> Bool {
        base.takesPanels(format, layout: layout)
    }

    public func arranged(
        _ weight: LinearWeight, for precision: Precision, layout: WeightLayout
    ) throws(MemoryError) -> LinearWeight {
        try base.arranged(weight, for: precision, layout: layout)
    }

    public func linear(
        _ input: MatrixView, precision: Precision, _ first: LinearTask, _ second: LinearTask?, _ third: LinearTask?
    ) {
        timed(\.linear) { base.linear(input, precision: precision, first, second, third) }
    }

    public func rmsNorm(_ input: MatrixView, weight: UnsafePointer<Float>, epsilon: Float, into output: MatrixView) {
        timed(\.other) { base.rmsNorm(input, weight: weight, epsilon: epsilon, into: output) }
    }

    public func rope(_ rows: MatrixView, heads: Int, cosine: MatrixView, sine: MatrixView) {
        timed(\.other) { base.rope(rows, heads: heads, cosine: cosine, sine: sine) }
    }

    public func ropeTable(
        positions: [Int32], inverseFrequencies: [Float], cosine: MatrixView, sine: MatrixView
    ) {
        timed(\.other) {
            base.ropeTable(
                positions: positions, inverseFrequencies: inverseFrequencies, cosine: cosine, sine: sine)
        }
    }

    public func swiglu(gate: MatrixView, up: MatrixView) { timed(\.other) { base.swiglu(gate: gate, up: up) } }

    public func embedding(_ ids: [Int32], table: LinearWeight, into output: MatrixView) {
        timed(\.other) { base.embedding(ids, table: table, into: output) }
    }

    public func attention(
        _ queries: MatrixView, _ batch: borrowing AttentionBatch, shape: AttentionShape, kvType: ScalarType,
        precision: Precision, into output: MatrixView
    ) throws(MemoryError) {
        if skipsAttention { return }
        let watch = Stopwatch()
        try base.attention(queries, batch, shape: shape, kvType: kvType, precision: precision, into: output)
        seconds.attention += watch.seconds
    }

    public func storeKV(
        _ rows: MatrixView, type: ScalarType, into destination: UnsafeMutableRawPointer,
        scales: UnsafeMutablePointer<Float>?
    ) {
        timed(\.storing) { base.storeKV(rows, type: type, into: destination, scales: scales) }
    }

    public func loadKV(
        _ source: UnsafeRawPointer, scales: UnsafePointer<Float>?, type: ScalarType, into rows: MatrixView
    ) {
        timed(\.other) { base.loadKV(source, scales: scales, type: type, into: rows) }
    }

    public func convert(
        _ source: UnsafeRawPointer, _ sourceType: ScalarType, to destination: UnsafeMutableRawPointer,
        _ destinationType: ScalarType, count: Int
    ) {
        timed(\.other) { base.convert(source, sourceType, to: destination, destinationType, count: count) }
    }

    public func softmax(_ rows: MatrixView) { timed(\.other) { base.softmax(rows) } }

    public func logSumExp(_ rows: MatrixView, into output: UnsafeMutablePointer<Float>) {
        timed(\.other) { base.logSumExp(rows, into: output) }
    }

    public func argmax(_ rows: MatrixView, into output: UnsafeMutablePointer<Int32>) {
        timed(\.other) { base.argmax(rows, into: output) }
    }

    public func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) {
        timed(\.other) { base.forEach(count, body) }
    }

    /// Not timed: it is others' work, no kernel of a model.
    public func forEach(_ count: Int, _ work: any ParallelWork) { base.forEach(count, work) }
}
