import DMSEngine
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore

/// Runs jobs and sends their answers, whole or as streams.
struct GenerationResponder: Sendable {
    let model: ServedModel
    let metrics: ServerMetrics
    let connections: ConnectionRegistry
    let writeTimeout: Duration

    /// - Throws: `APIError` and the engine's errors for a job that cannot be served; a stream's head is not sent then.
    func respond(_ job: GenerationJob, _ context: ServerContext) async throws -> Response {
        let run = try GenerationRun(job, model, onEnd: note(context.logger))
        let watch = connections.watch(of: context.channel)
        if job.streams { return stream(run, watch, EventLoopExecutor(context.channel.eventLoop), context.logger) }
        let answer = try await watch.whileOpen(onClose: { run.cancel() }) { try await run.answer() }
        return Response(answer)
    }

    /// - Parameter executor: Where the stream is written: a task elsewhere would be woken for every token, to wake the
    ///   connection's thread in turn.
    private func stream(
        _ run: GenerationRun, _ watch: ConnectionWatch, _ executor: EventLoopExecutor, _ logger: Logger
    ) -> Response {
        let body = ResponseBody { writer in
            try await withTaskExecutorPreference(executor) {
                try await write(run, watch, logger, to: writer)
            }
            try await writer.finish(nil)
        }
        // Proxies that buffer would undo the streaming.
        var headers: HTTPFields = [.contentType: ServerSentEvents.contentType, .cacheControl: "no-cache"]
        if let name = HTTPField.Name("x-accel-buffering") { headers[name] = "no" }
        return Response(status: .ok, headers: headers, body: body)
    }

    private func write(
        _ run: GenerationRun, _ watch: ConnectionWatch, _ logger: Logger, to writer: any ResponseBodyWriter
    ) async throws {
        var writer = writer
        /// Waits while the client has not taken what came before: that is what slows its request down.
        func send(_ text: String) async throws {
            do {
                try await watch.within(writeTimeout) { try await writer.write(ByteBuffer(string: text)) }
            } catch {
                // Whatever the system calls it, the client is no longer there.
                throw CancellationError()
            }
        }
        try await watch.whileOpen(onClose: { run.cancel() }) {
            do {
                try await run.events(send)
            } catch let error where !(error is CancellationError) {
                // The status is long gone, so the stream itself has to say it.
                let answer = APIError(error)
                if answer.status == 500 { logger.error("stream failed", metadata: ["error": "\(error)"]) }
                try await send(ServerSentEvents.event(answer.json))
            }
            try await send(ServerSentEvents.done)
        }
    }

    private func note(_ logger: Logger) -> @Sendable (GenerationSummary) -> Void {
        { [metrics] summary in
            metrics.noteEnd(summary)
            logger.info(
                "generation",
                metadata: [
                    "reason": "\(summary.reason.rawValue)", "prompt_tokens": "\(summary.promptTokens)",
                    "generated_tokens": "\(summary.generatedTokens)", "preemptions": "\(summary.preemptions)",
                    "queue_seconds": "\(summary.queueSeconds ?? 0)",
                    "first_token_seconds": "\(summary.firstTokenSeconds ?? 0)", "seconds": "\(summary.totalSeconds)",
                ])
        }
    }
}
