import Synchronization

/// The text of one continuation, piece by piece, as
/// ``Engine/stream(_:maximumTokens:sampling:stopStrings:continuing:saving:timeLimit:reportsCache:)`` gives it.
///
/// Pieces are whole characters, never empty and never part of a stop string. When the task that reads is cancelled, or
/// the stream is dropped before its end, the request ends within a step of the engine. There is one reader, as for the
/// ``GenerationStream`` behind it. While it is read, its engine lives.
public struct TextStream: AsyncSequence, Sendable {
    public typealias Element = String

    private let events: GenerationStream
    private let ending: Ending

    /// The text of a request that was made by hand.
    ///
    /// - Parameters:
    ///   - events: What ``Engine/submit(_:)`` gave for it.
    ///   - engine: The engine that did.
    init(_ events: GenerationStream, of engine: Engine) {
        self.events = events
        ending = Ending(engine)
    }

    /// How the continuation ended and what it took; `nil` until the last piece was read.
    public var summary: GenerationSummary? { ending.summary.withLock { $0 } }

    /// What the continuation held in the cache when it was last told; `nil` until then, and for streams that were not
    /// asked to tell.
    ///
    /// After the last piece: what it held at its end. ``Engine/statistics`` says what all requests hold now, and one
    /// that has ended holds nothing.
    public var cache: CacheProgress? { ending.cache.withLock { $0 } }

    /// Ends the request within a step; the text then ends too, and ``summary`` says ``FinishReason/cancelled``.
    public func cancel() { events.cancel() }

    public func makeAsyncIterator() -> Iterator {
        Iterator(events: events.makeAsyncIterator(), ending: ending)
    }

    /// Reads the pieces of a stream.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate var events: GenerationStream.Iterator
        fileprivate let ending: Ending

        /// The next piece, `nil` at the end.
        ///
        /// - Throws: As ``GenerationStream/Iterator/next()``.
        public mutating func next() async throws -> String? {
            while let event = try await events.next() {
                switch event {
                case .token(let token) where !token.text.isEmpty: return token.text
                case .finished(let summary):
                    ending.summary.withLock { $0 = summary }
                    return summary.text.isEmpty ? nil : summary.text
                case .cache(let progress): ending.cache.withLock { $0 = progress }
                case .prompt, .token: continue
                }
            }
            return nil
        }
    }
}

/// Where the reader of a stream leaves what is no text; what it reads from lives as long.
private final class Ending: Sendable {
    let summary = Mutex<GenerationSummary?>(nil)
    let cache = Mutex<CacheProgress?>(nil)
    private let engine: Engine

    init(_ engine: Engine) { self.engine = engine }
}
