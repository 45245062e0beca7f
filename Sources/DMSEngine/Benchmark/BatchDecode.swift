import DMSCache
import DMSCheckpoint
import DMSModel
import DMSTensor
import Synchronization

/// Decodes copies of one sequence in the engine's own loop, a round at a time, on the caller's thread.
///
/// A round submits requests that continue the same saved sequence, as sessions do: each is restored into pages of its
/// own. Then the loop turns, and every turn is a step of all of them: plan, one pass over the weights, tokens, commit.
final class BatchDecode {
    private let kernels: TimedKernels
    private let cache: CompactAttention
    private let saved: SequenceFile
    private let mailbox: Mailbox
    private let board = StatisticsBoard()
    private let worker: EngineWorker
    private let steps: Int
    private let sampling: SamplingParameters
    private let weightBytes: Int
    private let vocabularySize: Int

    /// - Parameters:
    ///   - saved: What every sequence begins with.
    ///   - largest: The most sequences of a round.
    /// - Throws: `MemoryError` when the system has no room for activations.
    init(
        _ model: LlamaModel, kernels: TimedKernels, cache: CompactAttention, eviction: EvictionControl,
        saved: SequenceFile, steps: Int, sampling: SamplingParameters, largest: Int
    ) throws {
        self.kernels = kernels
        self.cache = cache
        self.saved = saved
        self.steps = steps
        self.sampling = sampling
        weightBytes = model.weights.bytesPerDecodeStep
        vocabularySize = model.configuration.vocabularySize
        let blockRows = cache.configuration.rowsPerBlock
        let rows = largest - 1 + blockRows
        let limits = SchedulerLimits(
            tokensPerStep: rows, maximumRunning: largest, blockRows: blockRows,
            positions: model.configuration.maximumPositions)
        mailbox = Mailbox(openLimit: largest)
        let runner = try BatchRunner(
            model, cache: cache, eviction: eviction, maximumRows: rows, samplingRows: largest)
        worker = EngineWorker(
            runner, limits: limits, maximumPrefixes: 0, writer: nil, identity: nil, tokenizer: nil, workspaceBytes: 0,
            mailbox: mailbox, board: board)
    }

    /// Runs one round and adds its steps to a result.
    ///
    /// - Throws: ``ModelError`` when a sequence does not come to its end.
    func round(into result: inout BatchResult) throws {
        let before = statistics
        var streams: [StreamBuffer] = []
        for sequence in 0..<result.sequences {
            // A step that restores, those that count, and one that ends.
            let request = try GenerationRequest(
                prompt: [Int32(sequence % vocabularySize)], sampling: sampling, maximumTokens: steps + 2)
            // Nobody reads, and nobody may have to wait for that.
            streams.append(try mailbox.submit(request, session: saved, bufferedEvents: steps + 4).1)
        }
        _ = worker.turn()
        for _ in 0..<steps { result.add(measuredTurn()) }
        let report = cache.report()
        result.kvLiveBytes = report.liveBytes
        result.kvAllocatedBytes = report.allocatedBytes
        result.stepBytes = weightBytes + report.liveBytes
        _ = worker.turn()
        let after = statistics
        let ended = (after.finished[.length] ?? 0) - (before.finished[.length] ?? 0)
        let chosen = after.generatedTokens - before.generatedTokens
        guard ended == streams.count, chosen == streams.count * (steps + 2) else {
            throw ModelError("\(ended) of \(streams.count) sequences came to their end, with \(chosen) tokens in all")
        }
    }

    private var statistics: EngineStatistics { board.value.withLock { $0 } }

    private func measuredTurn() -> StepTimes {
        kernels.reset()
        let before = statistics
        let watch = Stopwatch()
        _ = worker.turn()
        var times = StepTimes()
        times.total = watch.seconds
        let after = statistics
        let model = after.modelSeconds - before.modelSeconds
        times.linear = kernels.seconds.linear
        times.attention = kernels.seconds.attention
        times.otherKernels = kernels.seconds.storing + kernels.seconds.other
        times.bookkeeping = model - times.linear - times.attention - times.otherKernels
        times.scheduler = after.schedulerSeconds - before.schedulerSeconds
        times.delivery = times.total - model - times.scheduler
        return times
    }
}
