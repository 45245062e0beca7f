public import DMSTensor

/// How a benchmark's cache gets its contents.
public enum CacheFill: String, Sendable, CaseIterable {
    /// By computing a prompt.
    case prefill
    /// With random keys and values, and the decisions that the gate would have made: pages, layout and live counts are
    /// those of a prompt, and the model is not computed.
    ///
    /// Fit for random weights, under which keys and values mean nothing either way.
    case synthetic
}

/// Copies of one sequence that decode together, beside fewer of them: what batching is worth.
///
/// Every copy has pages of its own, so nothing is read once for several sequences but the weights. Rounds of all sizes
/// and caches take turns, so that a machine which becomes slower does so for all.
public struct BatchWorkload: Sendable, Hashable {
    /// Each without eviction or with it; the dense reference operator serves no batches.
    public var modes: [BenchmarkMode]
    /// Tokens that every sequence begins with.
    public var context: Int
    /// Measured steps of a round.
    public var generate: Int
    /// Sizes of batches.
    public var sequences: [Int]
    /// Rounds over all sizes.
    public var rounds: Int
    /// The element type of keys and values.
    public var kvType: ScalarType
    /// How the cache is filled before decoding begins.
    public var fill: CacheFill
    /// Prompt tokens of a pass.
    public var prefillChunk: Int
    /// How every sequence chooses its tokens.
    public var sampling: SamplingParameters

    /// A workload; values that cannot be are a programmer's error.
    public init(
        modes: [BenchmarkMode], context: Int, generate: Int, sequences: [Int], rounds: Int, kvType: ScalarType,
        fill: CacheFill = .prefill, prefillChunk: Int = GenerationParameters.defaultPrefillChunk,
        sampling: SamplingParameters = .greedy
    ) {
        precondition(!modes.contains(.dense) && !modes.isEmpty, "batches of the compact cache")
        precondition(!sequences.isEmpty && sequences.allSatisfy { $0 > 0 }, "batches of nothing")
        self.modes = modes
        self.context = context
        self.generate = generate
        self.sequences = sequences
        self.rounds = rounds
        self.kvType = kvType
        self.fill = fill
        self.prefillChunk = prefillChunk
        self.sampling = sampling
    }

    /// Positions that a sequence takes: its context, a step before the measured ones and one after.
    var positions: Int { context + generate + 2 }
}

/// Where the time of engine steps went, in seconds; the parts add up to ``total``.
public struct StepTimes: Sendable, Hashable {
    /// One turn of the engine's loop: commands, plan, pass, tokens, commit.
    public var total = 0.0
    /// Linear layers and the language-model head.
    public var linear = 0.0
    /// The attention kernel.
    public var attention = 0.0
    /// Norms, rotary positions, activations, storing keys and values.
    public var otherKernels = 0.0
    /// The model's pass outside its kernels: mostly the cache's decisions and lists of pages.
    public var bookkeeping = 0.0
    /// Planning, making room, committing.
    public var scheduler = 0.0
    /// Choosing tokens, handing them out, statistics, commands.
    public var delivery = 0.0

    static func += (left: inout Self, right: Self) {
        left.total += right.total
        left.linear += right.linear
        left.attention += right.attention
        left.otherKernels += right.otherKernels
        left.bookkeeping += right.bookkeeping
        left.scheduler += right.scheduler
        left.delivery += right.delivery
    }
}

/// What batches of one size, in one cache, measured.
public struct BatchResult: Sendable, Hashable {
    /// Whether it evicted.
    public var mode: BenchmarkMode
    /// Tokens of each sequence before decoding began.
    public var context: Int
    /// Sequences of the batch.
    public var sequences: Int
    /// Times of the measured steps of all rounds, sorted.
    public private(set) var stepSeconds: [Double] = []
    /// Sums over those steps.
    public private(set) var times = StepTimes()
    /// At the end of a round, of all sequences.
    public internal(set) var kvLiveBytes = 0
    /// Bytes that the cache had taken.
    public internal(set) var kvAllocatedBytes = 0
    /// Bytes that a step cannot avoid to read: every weight once, and the live keys and values.
    public internal(set) var stepBytes = 0

    init(mode: BenchmarkMode, context: Int, sequences: Int) {
        self.mode = mode
        self.context = context
        self.sequences = sequences
    }

    mutating func add(_ step: StepTimes) {
        times += step
        stepSeconds.insert(step.total, at: stepSeconds.firstIndex { $0 > step.total } ?? stepSeconds.count)
    }

    /// The time that a share of the steps stays within, by the nearest rank.
    public func stepSeconds(quantile: Double) -> Double {
        stepSeconds[min(stepSeconds.count - 1, Int(quantile * Double(stepSeconds.count)))]
    }

    /// The time of the median step.
    public var medianStepSeconds: Double { stepSeconds(quantile: 0.5) }
    /// Tokens of all sequences per second, at the median step.
    public var tokensPerSecond: Double { Double(sequences) / medianStepSeconds }

    /// Bytes per second at the median step over the ceiling.
    public func fraction(of readBandwidth: Double) -> Double {
        Double(stepBytes) / medianStepSeconds / readBandwidth
    }
}
