/// The events of one request, in order.
///
/// A consumer may read slowly: its request pauses when enough is waiting for it, and no other notices. When the task
/// that reads is cancelled, or the stream is dropped before its end, the request ends within a step of the engine.
/// There is one consumer; two tasks that read at a time are a programmer's error.
///
/// ```swift
/// for try await event in try engine.submit(request) {
///     if case .token(let token) = event { print(token.text, terminator: "") }
/// }
/// ```
public struct GenerationStream: AsyncSequence, Sendable {
    public typealias Element = GenerationEvent

    private let handle: StreamHandle

    init(id: RequestID, buffer: StreamBuffer, mailbox: Mailbox) {
        handle = StreamHandle(id: id, buffer: buffer, mailbox: mailbox)
    }

    /// The request's number in its engine.
    public var id: RequestID { handle.id }

    /// Ends the request within a step; the stream then finishes with ``FinishReason/cancelled``.
    public func cancel() { handle.mailbox.post(.cancel(handle.id)) }

    public func makeAsyncIterator() -> Iterator { Iterator(handle: handle) }

    /// Reads the events of a stream.
    public struct Iterator: AsyncIteratorProtocol {
        let handle: StreamHandle

        /// - Throws: `CancellationError` when the task was cancelled, ``EngineError/shutDown``, or whatever the model's
        ///   pass threw.
        public mutating func next() async throws -> GenerationEvent? { try await handle.next(atMost: 1).first }

        /// All events that wait, oldest first: at least one, none after the last.
        ///
        /// A consumer for whom every delivery has a price pays it once for what came while it was busy.
        ///
        /// - Throws: As ``next()``.
        public mutating func nextBatch() async throws -> [GenerationEvent] { try await handle.next(atMost: .max) }
    }
}

/// A consumer's hold on its request; the request is not worth computing once it is gone.
final class StreamHandle: Sendable {
    let id: RequestID
    let mailbox: Mailbox
    private let buffer: StreamBuffer

    init(id: RequestID, buffer: StreamBuffer, mailbox: Mailbox) {
        self.id = id
        self.buffer = buffer
        self.mailbox = mailbox
    }

    deinit { if !buffer.isEnded { mailbox.post(.cancel(id)) } }

    func next(atMost limit: Int) async throws -> [GenerationEvent] {
        try await withTaskCancellationHandler {
            try await buffer.next(atMost: limit) { mailbox.post(.resume(id)) }
        } onCancel: {
            buffer.abandon()
            mailbox.post(.cancel(id))
        }
    }
}

extension GenerationStream {
    /// A whole continuation.
    public struct Result: Sendable, Hashable {
        /// The continuation's tokens, an end token included.
        public var tokens: [Int32] = []
        /// Their text, without special tokens and stop strings.
        public var text = ""
        /// One per token, as far as the request asked for them.
        public var logProbabilities: [LogProbabilities] = []
        /// One per token of the prompt but the first, if the request asked for them.
        public var promptLogProbabilities: [LogProbabilities] = []
        /// How it ended, and what it took.
        public fileprivate(set) var summary: GenerationSummary
    }

    /// Reads the stream to its end.
    ///
    /// - Throws: As ``Iterator/next()``.
    public func collect() async throws -> Result {
        var tokens: [GeneratedToken] = []
        var prompt: [LogProbabilities] = []
        for try await event in self {
            switch event {
            case .prompt(let probabilities): prompt = probabilities
            case .token(let token): tokens.append(token)
            case .cache: break
            case .finished(let summary):
                return Result(
                    tokens: tokens.map(\.id), text: tokens.map(\.text).joined() + summary.text,
                    logProbabilities: tokens.compactMap(\.logProbabilities), promptLogProbabilities: prompt,
                    summary: summary)
            }
        }
        throw EngineError.shutDown
    }
}
