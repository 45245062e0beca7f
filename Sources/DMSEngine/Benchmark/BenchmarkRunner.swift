public import DMSCheckpoint
public import DMSModel
public import DMSPolicy
public import DMSTensor

/// Decisions of a seeded random gate.
public struct RandomEviction: EvictionSource {
    private let gate: RandomGate

    /// A source that decides as a random gate does.
    public init(_ gate: RandomGate) { self.gate = gate }

    public func evicts(layer: Int, head: Int, position: Int) -> Bool {
        gate.evicts(layer: layer, head: head, position: position)
    }
}

/// Runs workloads on one model and measures them.
public final class BenchmarkRunner {
    let kernels: TimedKernels
    let model: LlamaModel
    let eviction: EvictionControl
    let retention: DMSConfiguration?

    /// - Parameters:
    ///   - dms: The model's own gate, if any.
    ///   - layout: How the weights of linear layers lie.
    ///   - retention: The rule of mode `dms`.
    ///   - eviction: Who decides in mode `dms`.
    /// - Throws: `ModelError` when the model cannot be built.
    public init(
        configuration: LlamaConfiguration, weights: LlamaWeights, dms: DMSConfiguration?, precision: Precision,
        layout: WeightLayout = .stored, kernels: any InferenceKernels, retention: DMSConfiguration?,
        eviction: EvictionControl
    ) throws {
        self.kernels = TimedKernels(kernels)
        self.eviction = eviction
        self.retention = retention
        model = try LlamaModel(
            configuration: configuration, weights: weights, dms: dms, precision: precision, layout: layout,
            kernels: self.kernels)
    }

    /// What most matrices are when they are multiplied: those of the feed-forward layers.
    public var weightFormat: WeightFormat { (model.weights.layers.first?.gate ?? model.weights.head).format }

    /// Bytes of weights that a step reads.
    public var weightBytesPerStep: Int { model.weights.bytesPerDecodeStep }

    /// Does one workload; the prompt's tokens are random, and nothing depends on which they are.
    public func run(_ workload: BenchmarkWorkload) throws -> BenchmarkResult {
        let chunk = min(workload.prefillChunk, workload.context)
        let workspace = try ForwardWorkspace(
            model.configuration, maximumRows: max(chunk, workload.concurrency))
        let logits = try Tensor(rows: workload.concurrency, columns: model.configuration.vocabularySize)
        try warmUp(workload, chunk: chunk, workspace, logits)
        ProcessMemory.resetPeak()
        let residentBefore = ProcessMemory.residentBytes
        let cache = BenchmarkCache(model, workload, retention: retention)
        let attention = TimedAttention(cache.attention)
        var result = BenchmarkResult(workload: workload)
        let control = workload.mode == .dms ? eviction : .off

        try prefill(workload, attention, control, workspace, &result)
        let liveBefore = cache.liveBytes()
        try decode(workload, attention, control, workspace, logits, &result)
        let liveAfter = cache.liveBytes()

        let kvBytes = Double(liveBefore + liveAfter) / 2
        result.decodeBytes = Double(workload.generate) * (Double(weightBytesPerStep) + kvBytes)
        result.kvLiveBytes = liveAfter
        result.kvAllocatedBytes = cache.allocatedBytes()
        result.kvDenseBytes =
            KVFootprint(model.configuration, type: workload.kvType).bytesPerToken * workload.concurrency
            * (workload.context + workload.generate)
        result.peakResidentBytes = ProcessMemory.peakResidentBytes
        if let residentBefore, let residentAfter = ProcessMemory.residentBytes {
            result.residentGrowthBytes = residentAfter - residentBefore
        }
        return result
    }

    /// Touches weights, activations and the kernels' scratch memory, so that what grows afterwards is the cache, and no
    /// run pays for the first use of a page.
    private func warmUp(
        _ workload: BenchmarkWorkload, chunk: Int, _ workspace: borrowing ForwardWorkspace, _ logits: borrowing Tensor
    ) throws {
        let cache = BenchmarkCache(model, workload, retention: retention)
        let rows = max(chunk, workload.concurrency)
        let batch = ForwardBatch(tokens: randomTokens(rows, sequence: 0, position: 0), firstPosition: 0)
        let hidden = try model.forward(batch, attention: cache.attention, eviction: .off, workspace: workspace)
        model.logits(hidden.first(workload.concurrency), into: logits.view)
    }

    private func prefill(
        _ workload: BenchmarkWorkload, _ attention: TimedAttention, _ control: EvictionControl,
        _ workspace: borrowing ForwardWorkspace, _ result: inout BenchmarkResult
    ) throws {
        kernels.reset()
        attention.reset()
        let watch = Stopwatch()
        for sequence in 0..<workload.concurrency {
            var start = 0
            while start < workload.context {
                let count = min(workload.prefillChunk, workload.context - start)
                let batch = ForwardBatch(
                    sequence: sequence, tokens: randomTokens(count, sequence: sequence, position: start),
                    firstPosition: start)
                _ = try model.forward(batch, attention: attention, eviction: control, workspace: workspace)
                start += count
            }
        }
        result.prefillSeconds = watch.seconds
        result.prefillAttentionSeconds = kernels.seconds.attention
        result.prefillBookkeepingSeconds = bookkeeping(attention)
        result.prefillOperations = Double(model.weights.operationsPerToken) * Double(result.prefillTokens)
    }

    private func decode(
        _ workload: BenchmarkWorkload, _ attention: TimedAttention, _ control: EvictionControl,
        _ workspace: borrowing ForwardWorkspace, _ logits: borrowing Tensor, _ result: inout BenchmarkResult
    ) throws {
        let rows = workload.concurrency
        var tokens = (0..<rows).map { randomTokens(1, sequence: $0, position: workload.context)[0] }
        var batch = ForwardBatch()
        kernels.reset()
        attention.reset()
        let watch = Stopwatch()
        for step in 0..<workload.generate {
            batch.removeAll()
            for sequence in 0..<rows {
                batch.append(
                    sequence: sequence, tokens: CollectionOfOne(tokens[sequence]),
                    firstPosition: workload.context + step)
            }
            let hidden = try model.forward(batch, attention: attention, eviction: control, workspace: workspace)
            model.logits(hidden, into: logits.view)
            tokens.withUnsafeMutableBufferPointer { tokens in
                guard let first = tokens.baseAddress else { return }
                kernels.argmax(logits.view, into: first)
            }
        }
        result.decodeSeconds = watch.seconds
        result.decodeAttentionSeconds = kernels.seconds.attention
        result.decodeBookkeepingSeconds = bookkeeping(attention)
    }

    private func bookkeeping(_ attention: TimedAttention) -> Double {
        max(0, attention.seconds - kernels.seconds.attention - kernels.seconds.storing)
    }

    func randomTokens(_ count: Int, sequence: Int, position: Int) -> [Int32] {
        let draw = SamplingDraw(seed: UInt64(sequence))
        let vocabulary = UInt64(model.configuration.vocabularySize)
        return (0..<count).map { Int32(draw.bits(step: position + $0) % vocabulary) }
    }
}
