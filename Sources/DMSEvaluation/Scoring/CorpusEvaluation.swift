import DMSCheckpoint
import DMSModel
import DMSPolicy
import DMSTensor

/// Scores subjects on the same chunks and compares pairs of them position by position.
///
/// Each chunk is run alone from position 0. Positions 1 … T−1 are scored: the prediction after token i is judged by
/// token i+1. All subjects are run before any logit is computed; the LM head is then applied to blocks of rows, so
/// memory grows with the chunk's hidden states and never with tokens x vocabulary.
public final class CorpusEvaluation {
    /// Two subjects whose predictions are compared, by their index in the list of subjects.
    public struct Pair: Sendable, Hashable {
        /// What it is measured from.
        public let reference: Int
        /// What is measured.
        public let subject: Int

        /// Two indices into the list of subjects.
        public init(reference: Int, subject: Int) {
            self.reference = reference
            self.subject = subject
        }
    }

    /// What one chunk gave; for progress and for whoever wants figures per token.
    public struct ChunkScores: Sendable {
        /// Counted from 0.
        public let chunk: Int
        /// Chunks in all.
        public let chunkCount: Int
        /// Natural log-probabilities of the tokens 1 … T−1, one list per subject.
        public let logProbabilities: [[Double]]
    }

    /// Who is judged.
    public let subjects: [Subject]
    /// Who is compared with whom.
    public let pairs: [Pair]

    /// - Throws: ``EvaluationError`` when subjects that are compared have different vocabularies.
    public init(subjects: [Subject], pairs: [Pair]) throws(EvaluationError) {
        for pair in pairs {
            let reference = subjects[pair.reference]
            let subject = subjects[pair.subject]
            let sizes = [reference, subject].map { $0.runner.model.configuration.vocabularySize }
            guard sizes[0] == sizes[1] else {
                throw EvaluationError(
                    "\(reference.name) has a vocabulary of \(sizes[0]) tokens and \(subject.name) one of \(sizes[1]); "
                        + "required: the same tokenizer, as predictions are compared token by token")
            }
        }
        self.subjects = subjects
        self.pairs = pairs
    }

    /// Runs everything.
    ///
    /// - Parameter onChunk: Called after each chunk.
    /// - Throws: ``EvaluationError`` for logits that are not finite or a cache that disagrees with the rule, and
    ///   whatever the models and paths throw.
    public func run(
        _ chunks: EvaluationChunks, onChunk: (ChunkScores) throws -> Void = { _ in }
    ) throws -> EvaluationResult {
        let buffers = try Buffers(subjects: subjects, chunkLength: chunks.length)
        var result = EvaluationResult(subjects: subjects, pairs: pairs, chunks: chunks)
        for chunk in 0..<chunks.count {
            for (index, subject) in subjects.enumerated() {
                subject.startSequence()
                try subject.run(chunks[chunk], from: 0) { hidden, position in
                    buffers.hidden[index].store(hidden, at: position)
                }
                try result.subjects[index].recordMemory(subject, tokenCount: chunks.length)
                // One cache at a time: with long chunks they are the largest thing there is.
                subject.path.reset()
            }
            let scores = try score(Array(chunks[chunk]), buffers, into: &result)
            try onChunk(ChunkScores(chunk: chunk, chunkCount: chunks.count, logProbabilities: scores))
        }
        return result
    }

    private func score(
        _ tokens: [Int32], _ buffers: Buffers, into result: inout EvaluationResult
    ) throws -> [[Double]] {
        var scores = [[Double]](repeating: [], count: subjects.count)
        guard let kernels = subjects.first?.runner.model.kernels else { return scores }
        let scored = tokens.count - 1
        for start in stride(from: 0, to: scored, by: buffers.blockRows) {
            let block = start..<min(start + buffers.blockRows, scored)
            for (index, subject) in subjects.enumerated() {
                subject.runner.model.logits(
                    buffers.hidden[index].view.rows(block), into: buffers.logits[index].view.first(block.count))
            }
            let found = BlockScores(
                buffers.logits.map { $0.view.first(block.count) }, pairs: pairs, kernels: kernels)
            try add(found, tokens: tokens[block.lowerBound + 1...block.upperBound], &scores, &result)
        }
        return scores
    }

    /// Adds the positions of a block in order; `tokens` are those that follow them.
    private func add(
        _ found: BlockScores, tokens: ArraySlice<Int32>, _ scores: inout [[Double]], _ result: inout EvaluationResult
    ) throws(EvaluationError) {
        for (position, target) in tokens.enumerated() {
            for (index, subject) in subjects.enumerated() {
                let row = found.row(index, at: position)
                guard row.logSumExp.isFinite else {
                    throw EvaluationError(
                        "\(subject.name): a logit at position \(tokens.startIndex - 1 + position) of a chunk is not finite"
                    )
                }
                let logProbability = row.logProbability(target)
                result.subjects[index].perplexity.add(logProbability: logProbability)
                scores[index].append(logProbability)
            }
            for (index, pair) in pairs.enumerated() {
                result.divergences[index].add(
                    kl: found.divergence(index, at: position), reference: found.row(pair.reference, at: position),
                    subject: found.row(pair.subject, at: position), target: target)
            }
        }
    }

    /// Hidden states of one chunk and logits of one block, per subject.
    private struct Buffers {
        let hidden: [OwnedMatrix]
        let logits: [OwnedMatrix]
        let blockRows: Int

        init(subjects: [Subject], chunkLength: Int) throws {
            let vocabulary = subjects.map(\.runner.model.configuration.vocabularySize).max() ?? 1
            let rows = logitBlockRows(vocabularySize: vocabulary)
            blockRows = rows
            hidden = try subjects.map {
                try OwnedMatrix(rows: chunkLength, columns: $0.runner.model.configuration.hiddenSize)
            }
            logits = try subjects.map {
                try OwnedMatrix(rows: rows, columns: $0.runner.model.configuration.vocabularySize)
            }
        }
    }
}
