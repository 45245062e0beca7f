/// An additive bias per key, from some query on.
///
/// `score(i, k) += bias[s][h][k]` where `i > lastUnbiased[k]`. Kernels do not know why. A borrowed view, valid during
/// the call.
public struct KeyBias {
    /// `[sequences, keyValueHeads, length]`; never positive infinity or NaN.
    public let bias: UnsafePointer<Float>
    /// `[length]`: the last query position that sees a key without its bias, at least the key's own position.
    public let lastUnbiased: UnsafePointer<Int32>

    /// A bias in memory that outlives the call.
    public init(bias: UnsafePointer<Float>, lastUnbiased: UnsafePointer<Int32>) {
        self.bias = bias
        self.lastUnbiased = lastUnbiased
    }
}

/// The tensors of one attention call in training: `sequences` sequences of `length` tokens, row `s · length + t`.
public struct SoftAttention {
    /// Rotated queries, `[rows, queryHeads · d]`.
    public var queries: MatrixView
    /// Rotated keys, `[rows, keyValueHeads · d]`.
    public var keys: MatrixView
    /// `[rows, keyValueHeads · d]`.
    public var values: MatrixView
    /// Sequences of the batch.
    public var sequences: Int
    /// Tokens of each.
    public var length: Int
    /// Heads and their size.
    public var shape: AttentionShape
    /// What is added to the scores of keys; `nil` for plain causal attention.
    public var bias: KeyBias?
    /// `[rows, queryHeads · d]`.
    public var output: MatrixView
    /// `[sequences, queryHeads, length]`.
    public var logSumExp: UnsafeMutablePointer<Float>

    /// Attention over matrices that outlive the call.
    public init(
        queries: MatrixView, keys: MatrixView, values: MatrixView, sequences: Int, length: Int, shape: AttentionShape,
        bias: KeyBias?, output: MatrixView, logSumExp: UnsafeMutablePointer<Float>
    ) {
        self.queries = queries
        self.keys = keys
        self.values = values
        self.sequences = sequences
        self.length = length
        self.shape = shape
        self.bias = bias
        self.output = output
        self.logSumExp = logSumExp
    }
}

/// Where the backward pass of attention writes, all overwritten.
public struct SoftAttentionGradients {
    /// The gradient by the output, `[rows, queryHeads · d]`; read.
    public var output: MatrixView
    /// Of the queries, `[rows, queryHeads · d]`.
    public var queries: MatrixView
    /// Of the keys, `[rows, keyValueHeads · d]`.
    public var keys: MatrixView
    /// Of the values, as of the keys.
    public var values: MatrixView
    /// `[sequences, keyValueHeads, length]`, summed over the query heads of the group; `nil` without a bias.
    public var bias: UnsafeMutablePointer<Float>?

    /// Gradients in memory that outlives the call.
    public init(
        output: MatrixView, queries: MatrixView, keys: MatrixView, values: MatrixView,
        bias: UnsafeMutablePointer<Float>?
    ) {
        self.output = output
        self.queries = queries
        self.keys = keys
        self.values = values
        self.bias = bias
    }
}

/// One AdamW step (arXiv 1711.05101) over a run of parameters.
public struct AdamWStep: Sendable, Hashable {
    /// Of this step.
    public var learningRate: Float
    /// The decay of the first moment.
    public var beta1: Float
    /// The decay of the second moment.
    public var beta2: Float
    /// Is added to the root of the second moment.
    public var epsilon: Float
    /// The share of a weight that is taken away for each unit of learning rate.
    public var weightDecay: Float
    /// Counted from 1, for the correction of the moments' bias.
    public var step: Int
    /// Multiplies every gradient first: clipping, and the mean over accumulated micro-steps.
    public var gradientScale: Float

    /// The numbers of one step.
    public init(
        learningRate: Float, beta1: Float, beta2: Float, epsilon: Float, weightDecay: Float, step: Int,
        gradientScale: Float
    ) {
        self.learningRate = learningRate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.step = step
        self.gradientScale = gradientScale
    }
}

/// The shape of a training pass, from which a backend knows what memory it needs besides operands.
public struct TrainingFootprint: Sendable, Hashable {
    /// Sequences of a batch.
    public let sequences: Int
    /// Tokens of each.
    public let length: Int
    /// Heads and their size.
    public let shape: AttentionShape
    /// The largest dimension of a weight.
    public let widest: Int

    /// What a step will ask for.
    public init(sequences: Int, length: Int, shape: AttentionShape, widest: Int) {
        self.sequences = sequences
        self.length = length
        self.shape = shape
        self.widest = widest
    }

    /// Tokens of a pass.
    public var rows: Int { sequences * length }
}

/// The operations that training needs beyond running a model; a backend implements them for its device.
///
/// Results do not depend on the number of threads. Weights and gradients are FP32; `precision` says how products are
/// computed, sums are FP32 in both. Shapes that contradict each other are programmer errors and trap.
public protocol TrainingKernels: InferenceKernels {
    /// Makes room ahead for what the operations below need besides their operands, which then cannot fail.
    ///
    /// - Throws: ``MemoryError`` when the system has no such memory to give.
    func reserve(_ footprint: TrainingFootprint) throws(MemoryError)

    /// `output (+)= input · weightᵀ`: `input` `[rows, in]`, `weight` `[out, in]`, `output` `[rows, out]`.
    func linearForward(
        _ input: MatrixView, weight: MatrixView, precision: Precision, into output: MatrixView, accumulates: Bool)

    /// `gradient (+)= outputGradient · weight`: `[rows, out] · [out, in]`.
    func linearInputGradient(
        _ outputGradient: MatrixView, weight: MatrixView, precision: Precision, into gradient: MatrixView,
        accumulates: Bool)

    /// `gradient += outputGradientᵀ · input`: `[out, rows] · [rows, in]`.
    func linearWeightGradient(
        _ outputGradient: MatrixView, input: MatrixView, precision: Precision, addingTo gradient: MatrixView)

    /// Causal attention within each sequence, with a bias per key; writes `output` and `logSumExp`. Memory is linear in
    /// the number of tokens.
    func softAttention(_ attention: SoftAttention)

    /// The gradients of ``softAttention(_:)``, from what it wrote.
    func softAttentionBackward(_ attention: SoftAttention, _ gradients: SoftAttentionGradients)

    /// The gradients of RMSNorm: `inputGradient (+)= …`, `weightGradient += …` where one is wanted.
    func rmsNormBackward(
        _ input: MatrixView, weight: UnsafePointer<Float>, epsilon: Float, outputGradient: MatrixView,
        into inputGradient: MatrixView, accumulates: Bool, weightGradient: UnsafeMutablePointer<Float>?)

    /// `output = silu(gate) · up`.
    func swiglu(gate: MatrixView, up: MatrixView, into output: MatrixView)

    /// The gradients of SwiGLU; they may be written over `gate`, `up` or `outputGradient`. All share one stride.
    func swigluBackward(
        gate: MatrixView, up: MatrixView, outputGradient: MatrixView, gateGradient: MatrixView, upGradient: MatrixView)

    /// `table[ids[i]] += outputGradient[i]`.
    func embeddingBackward(_ ids: [Int32], outputGradient: MatrixView, addingTo table: MatrixView)

    /// Cross-entropy of each row in nats, into `losses`; `logits` become `gradientScale · (softmax − one-hot)`. Rows
    /// with a negative target count nothing.
    func crossEntropy(
        _ logits: MatrixView, targets: UnsafePointer<Int32>, gradientScale: Float,
        into losses: UnsafeMutablePointer<Float>)

    /// KL(teacher ‖ student) of each row in nats, into `losses`; `logits` become `gradientScale · (softmax(student) −
    /// softmax(teacher))`, and `teacher` is overwritten. `weights`, where given, are 0 or 1 per row: rows with 0 count
    /// nothing.
    func divergence(
        teacher: MatrixView, logits: MatrixView, weights: UnsafePointer<Float>?, gradientScale: Float,
        into losses: UnsafeMutablePointer<Float>)

    /// Σ x², in FP64.
    func sumOfSquares(_ values: UnsafePointer<Float>, count: Int) -> Double

    /// One optimizer step in place.
    func adamW(
        _ parameters: UnsafeMutablePointer<Float>, gradients: UnsafePointer<Float>,
        firstMoments: UnsafeMutablePointer<Float>, secondMoments: UnsafeMutablePointer<Float>, count: Int,
        _ step: AdamWStep)
}
