import DMSPolicy

/// A task that shows what a cache forgets: a password, stated once somewhere in a long text and asked for later.
///
/// Most of a text is sentences that no later word depends on, so a model may evict them; the password cannot be guessed,
/// so it must keep that. Other sentences are about the same words, so that a word alone tells nothing. Everything follows
/// from a seed, to the same bytes on every machine.
///
/// ```swift
/// let item = RecallTask(seed: 1).item(length: 1024, depth: 0.25, number: 0)
/// // … "The password is falcon." … "The password is" → " falcon"
/// ```
public struct RecallTask: Sendable, Hashable {
    /// A question at the end of a text, and its answer.
    public struct Item: Sendable, Hashable {
        /// The text, which ends where the answer is due.
        public let prompt: String
        /// One token: a blank and a word.
        public let answer: String
    }

    /// The shortest text that an item or a chunk can have, in tokens.
    public static let minimumLength = 48

    public let seed: UInt64

    public init(seed: UInt64) { self.seed = seed }

    /// The training texts that fill one chunk.
    ///
    /// Together, each with the begin-of-text and end-of-text tokens around it, they have exactly `length` tokens; so
    /// chunks of that length never cut a text. Some chunks are one long text, others many short ones, on which recall
    /// is learnt sooner.
    ///
    /// - Parameters:
    ///   - chunk: Chunks do not depend on each other.
    ///   - length: Tokens of a chunk, at least ``minimumLength``.
    public func documents(ofChunk chunk: Int, length: Int) -> [String] {
        precondition(length >= Self.minimumLength, "a chunk of \(length) tokens")
        var random = SplitMix64(seed, 1, UInt64(chunk), UInt64(length))
        // The shares of short and of long texts are those of tokens, not those of texts: each chunk has its own limit.
        let limit = random.pick(Self.documentLengths(upTo: length))
        var documents: [String] = []
        var rest = length
        while rest > 0 {
            var next = min(limit, rest)
            // No rest may be too short for a text of its own.
            if rest - next < Self.minimumLength { next = rest }
            documents.append(RecallDocument.training(length: next, &random))
            rest -= next
        }
        return documents
    }

    /// A text with a question at its end.
    ///
    /// The text says the password once.
    ///
    /// - Parameters:
    ///   - length: Tokens of begin-of-text, prompt and answer together, at least ``minimumLength``; the item has exactly
    ///     so many.
    ///   - depth: Where the password stands, 0 (start) … 1 (end).
    ///   - number: Which of several items of the same length and depth.
    public func item(length: Int, depth: Double, number: Int) -> Item {
        precondition(length >= Self.minimumLength, "an item of \(length) tokens")
        precondition((0...1).contains(depth), "a depth of \(depth)")
        var random = SplitMix64(seed, 2, UInt64(length), UInt64((depth * 10_000).rounded()), UInt64(number))
        return RecallDocument.item(length: length, depth: depth, &random)
    }

    /// Lengths of texts from which a chunk draws one.
    private static func documentLengths(upTo length: Int) -> [Int] {
        [64, 96, 128, 192, 256, 384, 512, 768].filter { $0 < length } + [length, length]
    }
}
