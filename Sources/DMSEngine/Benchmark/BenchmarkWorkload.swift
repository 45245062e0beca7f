public import DMSTensor

/// Which cache a run uses.
public enum BenchmarkMode: String, Sendable, CaseIterable {
    /// The dense reference operator.
    case dense
    /// The compact cache, keeping everything.
    case noEvict = "no_evict"
    /// The compact cache with eviction.
    case dms
}

/// What one run does: `concurrency` sequences of `context` tokens each, then `generate` steps of all of them together.
public struct BenchmarkWorkload: Sendable, Hashable {
    /// Whether it evicts.
    public var mode: BenchmarkMode
    /// Tokens of each prompt.
    public var context: Int
    /// Tokens that follow.
    public var generate: Int
    /// Sequences at a time.
    public var concurrency: Int
    /// The element type of keys and values.
    public var kvType: ScalarType
    /// Prompt tokens of a pass.
    public var prefillChunk: Int

    /// A workload; values that cannot be are a programmer's error.
    public init(
        mode: BenchmarkMode, context: Int, generate: Int, concurrency: Int, kvType: ScalarType,
        prefillChunk: Int = GenerationParameters.defaultPrefillChunk
    ) {
        self.mode = mode
        self.context = context
        self.generate = generate
        self.concurrency = concurrency
        self.kvType = kvType
        self.prefillChunk = prefillChunk
    }
}

/// What one run measured.
public struct BenchmarkResult: Sendable, Hashable {
    /// What was measured.
    public var workload: BenchmarkWorkload
    /// Prefill of all sequences, one after the other, language-model head left out.
    public var prefillSeconds = 0.0
    /// All decode steps, head and choice of the token included.
    public var decodeSeconds = 0.0
    /// Time in the attention kernel.
    public var prefillAttentionSeconds = 0.0
    /// The part of the decode that attention took.
    public var decodeAttentionSeconds = 0.0
    /// Time in the attention operator outside the attention kernel and the storing of keys and values, over all decode
    /// steps.
    public var decodeBookkeepingSeconds = 0.0
    /// The part of the prefill that deciding and moving tokens took.
    public var prefillBookkeepingSeconds = 0.0
    /// Multiplications and additions of the prefill in the layers' matrices.
    ///
    /// Attention is left out: the figure is the same for every mode.
    public var prefillOperations = 0.0
    /// Bytes that decoding cannot avoid to read: every weight once per step, and the live keys and values.
    public var decodeBytes = 0.0
    /// At the end of the run.
    public var kvLiveBytes = 0
    /// Bytes that the cache had taken.
    public var kvAllocatedBytes = 0
    /// What a dense cache of the same dtype would hold.
    public var kvDenseBytes = 0
    /// The most that was resident during the run, weights included; `nil` where the system does not say.
    public var peakResidentBytes: Int?
    /// Growth of resident memory from before the prefill to the end of the run.
    public var residentGrowthBytes: Int?

    /// Tokens of all prompts.
    public var prefillTokens: Int { workload.context * workload.concurrency }
    /// Tokens of all continuations.
    public var decodeTokens: Int { workload.generate * workload.concurrency }
    /// The speed of the prefill.
    public var prefillTokensPerSecond: Double { Double(prefillTokens) / prefillSeconds }
    /// The speed of the decode.
    public var decodeTokensPerSecond: Double { Double(decodeTokens) / decodeSeconds }

    /// Operations per second over the ceiling; attention costs time and counts nothing, so this is a lower bound.
    public func prefillFraction(of operationsPerSecond: Double) -> Double {
        prefillOperations / prefillSeconds / operationsPerSecond
    }

    /// The same without the time spent in attention.
    public func prefillLinearFraction(of operationsPerSecond: Double) -> Double {
        prefillOperations / (prefillSeconds - prefillAttentionSeconds) / operationsPerSecond
    }

    /// Bytes per second over the ceiling.
    public func decodeFraction(of readBandwidth: Double) -> Double { decodeBytes / decodeSeconds / readBandwidth }

    /// Keeps the faster of two runs of the same workload, phase by phase: interference only ever slows down.
    public func best(_ other: BenchmarkResult) -> BenchmarkResult {
        var best = self
        if other.prefillSeconds < prefillSeconds {
            best.prefillSeconds = other.prefillSeconds
            best.prefillAttentionSeconds = other.prefillAttentionSeconds
            best.prefillBookkeepingSeconds = other.prefillBookkeepingSeconds
        }
        if other.decodeSeconds < decodeSeconds {
            best.decodeSeconds = other.decodeSeconds
            best.decodeAttentionSeconds = other.decodeAttentionSeconds
            best.decodeBookkeepingSeconds = other.decodeBookkeepingSeconds
        }
        if let peak = other.peakResidentBytes { best.peakResidentBytes = max(peak, peakResidentBytes ?? 0) }
        return best
    }
}
