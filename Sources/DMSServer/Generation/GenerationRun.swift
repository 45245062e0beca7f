import DMSEngine
import DMSJSON
import DMSTokenizer

/// A job that the engine has taken, and the way from its events to the objects of an answer.
struct GenerationRun: Sendable {
    let job: GenerationJob
    let streams: [GenerationStream]
    let tokenizer: Tokenizer
    /// Told how each continuation ended.
    let onEnd: @Sendable (GenerationSummary) -> Void

    /// - Throws: `APIError` or `EngineError` for a job that the engine does not take; none of its continuations runs
    ///   then.
    init(
        _ job: GenerationJob, _ model: ServedModel, onEnd: @escaping @Sendable (GenerationSummary) -> Void
    ) throws {
        self.job = job
        tokenizer = model.tokenizer
        self.onEnd = onEnd
        // Streams that are dropped on the way out end their requests.
        streams = try job.requests.map { try model.submit($0) }
    }

    func cancel() { for stream in streams { stream.cancel() } }

    /// The whole answer.
    ///
    /// - Throws: `APIError` when there is none in time, `CancellationError` after ``cancel()``, or what the engine's
    ///   pass threw.
    func answer() async throws -> JSONObject {
        var choices = job.requests.indices.map { Choice(index: $0) }
        for (index, echo) in plainEchoes { choices[index].append(ChoicePiece(index: index, text: echo)) }
        let usage = try await forEachBatch { for piece in $0 { choices[piece.index].append(piece) } }
        return job.format.answer(choices, usage)
    }

    /// Hands out the events of a stream, as text that is ready to be sent; a stream is read only as fast as that is
    /// taken, and what came meanwhile is handed out together.
    ///
    /// - Throws: As ``answer()``, and what `emit` throws.
    func events(_ emit: (String) async throws -> Void) async throws {
        let encoder = EventEncoder(job)
        var text = ""
        for index in job.requests.indices {
            if let opening = job.format.opening(choice: index) { encoder.append(opening, to: &text) }
        }
        for (index, echo) in plainEchoes { encoder.append(ChoicePiece(index: index, text: echo), to: &text) }
        if !text.isEmpty { try await emit(text) }
        let usage = try await forEachBatch { pieces in
            var text = ""
            for piece in pieces {
                if let cache = piece.cache {
                    encoder.append(job.format.cacheChunk(cache, choice: piece.index, tokenizer), to: &text)
                } else {
                    encoder.append(piece, to: &text)
                }
            }
            try await emit(text)
        }
        if job.includesUsage { try await emit(ServerSentEvents.event(job.format.usageChunk(usage))) }
    }

    /// Texts that stand before continuations; one that has log-probabilities comes when these are known.
    private var plainEchoes: [(index: Int, text: String)] {
        job.echoes.enumerated().filter { index, echo in
            !echo.isEmpty && job.requests[index].promptLogProbabilities == nil
        }.map { ($0.offset, $0.element) }
    }

    /// Pieces of one choice that have come since its last ones.
    private func forEachBatch(_ body: ([ChoicePiece]) async throws -> Void) async throws -> Usage {
        var usage = Usage(prompt: job.promptTokens)
        var assemblers = job.requests.enumerated().map { index, request in
            ChoiceAssembler(index: index, request: request, tokenizer: tokenizer, echo: job.echoes[index])
        }
        try await streams.forEachBatch { index, events in
            var pieces: [ChoicePiece] = []
            var failure: (any Error)?
            for event in events {
                if case .finished(let summary) = event {
                    usage.completion += summary.generatedTokens
                    if index % job.choicesPerPrompt == 0 { usage.cached += summary.cachedTokens }
                    onEnd(summary)
                }
                do {
                    if let piece = try assemblers[index].take(event) { pieces.append(piece) }
                } catch {
                    failure = error
                }
            }
            // An end that is an error does not take back what came before it.
            if !pieces.isEmpty { try await body(pieces) }
            if let failure { throw failure }
        }
        return usage
    }
}

extension [GenerationStream] {
    /// Reads all streams to their ends, what waits in one at a time, so that one that is ahead waits for its reader and
    /// not for the others.
    fileprivate func forEachBatch(_ body: (Int, [GenerationEvent]) async throws -> Void) async throws {
        // Most requests have one, which needs no tasks.
        if count == 1 {
            var iterator = self[0].makeAsyncIterator()
            while case let events = try await iterator.nextBatch(), !events.isEmpty { try await body(0, events) }
            return
        }
        try await withThrowingTaskGroup(of: (Int, [GenerationEvent]).self) { group in
            func read(_ index: Int) {
                let stream = self[index]
                group.addTask {
                    var iterator = stream.makeAsyncIterator()
                    return (index, try await iterator.nextBatch())
                }
            }
            for index in indices { read(index) }
            while let (index, events) = try await group.next() {
                if events.isEmpty { continue }
                try await body(index, events)
                read(index)
            }
        }
    }
}
