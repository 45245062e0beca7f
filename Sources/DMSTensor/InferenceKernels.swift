/// One linear layer of a group that reads the same input.
public struct LinearTask {
    /// `[outputs, inputs]`.
    public var weight: LinearWeight
    /// `[rows, outputs]`.
    public var output: MatrixView
    /// Whether the product is added to what `output` holds (a residual) instead of replacing it.
    public var accumulates: Bool

    /// One layer of a group.
    public init(_ weight: LinearWeight, into output: MatrixView, accumulates: Bool = false) {
        self.weight = weight
        self.output = output
        self.accumulates = accumulates
    }
}

/// The operations that running a model needs; a backend implements them for its device.
///
/// Every operation is row-wise independent: row i of a call has the bits it would have alone, whatever the batch and
/// the number of threads. Shapes that contradict each other are programmer errors and trap. One caller at a time.
public protocol InferenceKernels: AnyObject, Sendable {
    /// What the backend runs on, in words: "cpu avx512-bf16, 2 threads".
    var name: String { get }

    /// Takes the memory that linear layers of up to so many inputs need, whatever their rows, so that none of them can
    /// lack it later. Who runs a model asks once, ahead.
    ///
    /// - Throws: ``MemoryError`` when the system has no such memory to give.
    func reserveLinear(inputs: Int, precision: Precision) throws(MemoryError)

    /// A weight as products of a precision want it, and a layout says: the weight itself, or a copy, which comes back
    /// unchanged when it is given again. Who runs a model asks once, ahead.
    ///
    /// - Throws: ``MemoryError`` when the system has no memory for a copy.
    func arranged(
        _ weight: LinearWeight, for precision: Precision, layout: WeightLayout
    ) throws(MemoryError) -> LinearWeight

    /// Whether ``linear(_:precision:_:_:_:)`` is to be handed weights of a format of panels that lie beside a checkpoint;
    /// a backend that says nothing is handed none.
    func takesPanels(_ format: WeightFormat, layout: WeightLayout) -> Bool

    /// Up to three layers that read the same `input` `[rows, inputs]`; each output is `[rows, outputs]`.
    func linear(
        _ input: MatrixView, precision: Precision, _ first: LinearTask, _ second: LinearTask?, _ third: LinearTask?)

    /// `output = input / sqrt(mean(input²) + epsilon) · weight`, row by row; `output` may be `input`. RMSNorm,
    /// arXiv 1910.07467. `weight` holds `columns` values.
    func rmsNorm(_ input: MatrixView, weight: UnsafePointer<Float>, epsilon: Float, into output: MatrixView)

    /// Rotates `heads` heads of each row in place ("rotate half", RoFormer, arXiv 2104.09864). `cosine` and `sine` are
    /// `[rows, d/2]` from ``ropeTable(positions:inverseFrequencies:cosine:sine:)``.
    func rope(_ rows: MatrixView, heads: Int, cosine: MatrixView, sine: MatrixView)

    /// Fills the cosine and sine of every position and frequency, each `[positions, frequencies]`.
    func ropeTable(positions: [Int32], inverseFrequencies: [Float], cosine: MatrixView, sine: MatrixView)

    /// `gate = silu(gate) · up`, arXiv 2002.05202.
    func swiglu(gate: MatrixView, up: MatrixView)

    /// Rows of an embedding table, widened to FP32. Every id must be in the table.
    func embedding(_ ids: [Int32], table: LinearWeight, into output: MatrixView)

    /// Attention of `queries` `[rows, queryHeads · d]` over the runs of `batch`, into `output` of the same shape.
    ///
    /// - Throws: ``MemoryError`` when the system has no memory for the intermediate results of so many keys; `output` has
    ///   not been written then.
    func attention(
        _ queries: MatrixView, _ batch: borrowing AttentionBatch, shape: AttentionShape, kvType: ScalarType,
        precision: Precision, into output: MatrixView) throws(MemoryError)

    /// Stores rows of one KV head in a cache's element type; scales are written for FP8 and INT8.
    func storeKV(
        _ rows: MatrixView, type: ScalarType, into destination: UnsafeMutableRawPointer,
        scales: UnsafeMutablePointer<Float>?)

    /// The inverse of ``storeKV(_:type:into:scales:)``, for tests and for reading a cache back.
    func loadKV(
        _ source: UnsafeRawPointer, scales: UnsafePointer<Float>?, type: ScalarType, into rows: MatrixView)

    /// Converts `count` elements between FP32, BF16 and FP16: widening is exact, narrowing rounds to nearest even.
    func convert(
        _ source: UnsafeRawPointer, _ sourceType: ScalarType, to destination: UnsafeMutableRawPointer,
        _ destinationType: ScalarType, count: Int)

    /// Softmax of each row, in place.
    func softmax(_ rows: MatrixView)

    /// log Σ exp of each row.
    func logSumExp(_ rows: MatrixView, into output: UnsafeMutablePointer<Float>)

    /// The first index of each row's maximum.
    func argmax(_ rows: MatrixView, into output: UnsafeMutablePointer<Int32>)

    /// Calls `body` with every index below `count`, in any order and by whatever threads the backend has on the host;
    /// returns when all calls have.
    func forEach(_ count: Int, _ body: @Sendable (Int) -> Void)

    /// The same for parts of some work; allocates nothing.
    func forEach(_ count: Int, _ work: any ParallelWork)
}

extension InferenceKernels {
    /// None, for a backend that multiplies rows.
    public func takesPanels(_ format: WeightFormat, layout: WeightLayout) -> Bool { false }

    /// One after the other, for a backend without threads on the host.
    public func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) {
        for index in 0..<count { body(index) }
    }

    /// One after the other, for a backend without threads on the host.
    public func forEach(_ count: Int, _ work: any ParallelWork) {
        for index in 0..<count { work.work(at: index) }
    }

    /// One linear layer.
    public func linear(_ input: MatrixView, precision: Precision, _ task: LinearTask) {
        linear(input, precision: precision, task, nil, nil)
    }

    /// Two linear layers that read the same input.
    public func linear(_ input: MatrixView, precision: Precision, _ first: LinearTask, _ second: LinearTask) {
        linear(input, precision: precision, first, second, nil)
    }
}
