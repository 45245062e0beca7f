public import DMSPolicy
public import DMSTensor

/// What a run of ``CorpusEvaluation`` found.
public struct EvaluationResult: Sendable {
    /// One per subject, in their order.
    public internal(set) var subjects: [SubjectResult]
    /// Who was compared with whom.
    public let pairs: [CorpusEvaluation.Pair]
    /// One per pair, in their order.
    public internal(set) var divergences: [Divergence]
    /// Tokens of a chunk.
    public let chunkLength: Int
    /// Chunks that were scored.
    public let chunkCount: Int

    init(subjects: [Subject], pairs: [CorpusEvaluation.Pair], chunks: EvaluationChunks) {
        self.subjects = subjects.map { SubjectResult($0) }
        self.pairs = pairs
        divergences = Array(repeating: Divergence(), count: pairs.count)
        chunkLength = chunks.length
        chunkCount = chunks.count
    }

    /// How far `subject` is from `reference`, or `nil` where the pair was not compared.
    public func divergence(reference: Int, subject: Int) -> Divergence? {
        pairs.firstIndex(of: CorpusEvaluation.Pair(reference: reference, subject: subject)).map { divergences[$0] }
    }
}

/// One subject's figures over all chunks.
public struct SubjectResult: Sendable {
    /// As the subject was called.
    public let name: String
    /// "strict" or "compact".
    public let path: String
    /// The element type of keys and values.
    public let kvType: ScalarType
    /// Over all scored positions.
    public internal(set) var perplexity = Perplexity()
    /// Decisions, and what the rule stores after each token.
    public private(set) var tally = CompressionTally()
    /// Σ over the ends of the chunks, in bytes; `nil` on a path that saves no memory.
    private var denseBytes: Int?
    private var allocatedBytes: Int?

    init(_ subject: Subject) {
        name = subject.name
        path = subject.path.name
        kvType = subject.path.kvType
    }

    /// Evicted decisions / all decisions, over all layers, KV heads and tokens; 0 where nothing may be evicted.
    public var evictionRate: Double? { tally.evictionRate }

    /// The three ratios.
    ///
    /// Live ratios are counted after each token, by the rule. The byte ratio is taken at the ends of the chunks, from the
    /// allocator.
    public var ratios: CompressionRatios {
        tally.ratios(denseBytes: denseBytes, allocatedBytes: allocatedBytes)
    }

    /// Counts the chunk that a subject has just run.
    mutating func recordMemory(_ subject: Subject, tokenCount: Int) throws(EvaluationError) {
        let made = subject.recorder.counts
        tally.recordDecisions(evicting: made.evicting, of: made.made > 0 ? made.made : tokenCount * subject.tokenHeads)
        let live = subject.recorder.liveCounts(tokenCount: tokenCount, retention: subject.path.retention)
        for (token, stored) in live.enumerated() {
            tally.recordStep(seen: (token + 1) * subject.tokenHeads, stored: stored)
        }
        tally.finishRun()
        guard let storage = subject.path.storage else { return }
        // The cache counts what it stores while it runs; the rule is applied afterwards. They must not differ.
        let expected = live.reduce(0, +)
        guard storage.liveTokenHeads == live.last, storage.storedOverSteps == expected else {
            throw EvaluationError(
                "\(subject.name): after \(tokenCount) tokens the cache stores \(storage.liveTokenHeads) token·heads "
                    + "(\(storage.storedOverSteps) summed over all steps); the rule requires \(live.last ?? 0) "
                    + "(\(expected))")
        }
        denseBytes = (denseBytes ?? 0) + storage.denseBytes
        allocatedBytes = (allocatedBytes ?? 0) + storage.allocatedBytes
    }
}
