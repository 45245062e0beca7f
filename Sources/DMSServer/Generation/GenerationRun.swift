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
        for (index, echo) in job.echoes.enumerated() { choices[index].append(ChoicePiece(index: index, text: echo)) }
        let usage = try await forEachPiece { choices[$0.index].append($0) }
        return job.format.answer(choices, usage)
    }

    /// Hands out the objects of a stream; a stream is read only as fast as they are taken.
    ///
    /// - Throws: As ``answer()``, and what `emit` throws.
    func chunks(_ emit: (JSONObject) async throws -> Void) async throws {
        func send(_ object: JSONObject) async throws {
            var object = object
            // Clients that asked for the last chunk's count expect the key everywhere.
            if job.includesUsage { object["usage"] = .null }
            try await emit(object)
        }
        for (index, echo) in job.echoes.enumerated() {
            if let opening = job.format.opening(choice: index) { try await send(opening) }
            if !echo.isEmpty { try await send(job.format.chunk(ChoicePiece(index: index, text: echo))) }
        }
        let usage = try await forEachPiece { piece in
            try await send(
                piece.cache.map { job.format.cacheChunk($0, choice: piece.index, tokenizer) } ?? job.format.chunk(piece)
            )
        }
        if job.includesUsage { try await emit(job.format.usageChunk(usage)) }
    }

    private func forEachPiece(_ body: (ChoicePiece) async throws -> Void) async throws -> Usage {
        var usage = Usage(prompt: job.promptTokens)
        var assemblers = job.requests.enumerated().map { index, request in
            ChoiceAssembler(index: index, request: request, tokenizer: tokenizer, echo: job.echoes[index])
        }
        try await streams.forEachEvent { index, event in
            if case .finished(let summary) = event {
                usage.completion += summary.generatedTokens
                onEnd(summary)
            }
            if let piece = try assemblers[index].take(event) { try await body(piece) }
        }
        return usage
    }
}

extension [GenerationStream] {
    /// Reads all streams to their ends, one event of each at a time, so that one that is ahead waits for its reader and
    /// not for the others.
    fileprivate func forEachEvent(_ body: (Int, GenerationEvent) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: (Int, GenerationEvent?).self) { group in
            func read(_ index: Int) {
                let stream = self[index]
                group.addTask {
                    var iterator = stream.makeAsyncIterator()
                    return (index, try await iterator.next())
                }
            }
            for index in indices { read(index) }
            while let (index, event) = try await group.next() {
                guard let event else { continue }
                try await body(index, event)
                if case .finished = event { continue }
                read(index)
            }
        }
    }
}
