import DMSCheckpoint
import DMSModel
import DMSTensor

/// Runs needle tasks by depth and length on several subjects.
///
/// The answer is forced and scored token by token. A sample counts as found when every token of the answer, its full
/// stop included, is the most likely one, which is exactly when greedy decoding would write it. Small base models
/// rarely get that far; the mean log-probability of the answer's tokens still tells how much they remember.
public struct NeedleEvaluation {
    /// What one subject did at one depth and length.
    public struct Cell: Sendable, Hashable {
        public let length: Int
        public let depth: Double
        public fileprivate(set) var samples = 0
        public fileprivate(set) var found = 0
        fileprivate var logProbability = 0.0
        fileprivate var answerTokens = 0

        /// found / samples.
        public var accuracy: Double { Double(found) / Double(max(1, samples)) }
        /// Mean log-probability per token of the answers, in nats.
        public var meanLogProbability: Double { logProbability / Double(max(1, answerTokens)) }
    }

    /// One subject's cells, lengths outermost.
    public struct SubjectCells: Sendable {
        public let name: String
        public fileprivate(set) var cells: [Cell]

        /// The mean over all cells.
        public var accuracy: Double { cells.reduce(0) { $0 + $1.accuracy } / Double(max(1, cells.count)) }
        /// The mean over all cells, in nats per answer token.
        public var meanLogProbability: Double {
            cells.reduce(0) { $0 + $1.meanLogProbability } / Double(max(1, cells.count))
        }
    }

    public let generator: NeedleGenerator
    /// Tokens of a sample.
    public let lengths: [Int]
    /// 0 … 1.
    public let depths: [Double]
    /// Samples of each length and depth.
    public let samples: Int

    /// - Throws: ``EvaluationError`` for an empty list, a depth outside 0 … 1, or fewer than one sample.
    public init(
        generator: NeedleGenerator, lengths: [Int], depths: [Double], samples: Int
    ) throws(EvaluationError) {
        guard !lengths.isEmpty, lengths.allSatisfy({ $0 > 0 }) else {
            throw EvaluationError("lengths: found \(lengths); required: one or more positive numbers of tokens")
        }
        guard !depths.isEmpty, depths.allSatisfy({ (0...1).contains($0) }) else {
            throw EvaluationError("depths: found \(depths); required: one or more from 0 to 1")
        }
        guard samples >= 1 else { throw EvaluationError("samples: found \(samples); required: at least 1") }
        self.generator = generator
        self.lengths = lengths
        self.depths = depths
        self.samples = samples
    }

    /// Samples in all.
    public var sampleCount: Int { lengths.count * depths.count * samples }

    /// Runs every sample on every subject.
    ///
    /// - Parameters:
    ///   - encode: The tokenizer, with whatever token it puts at the start of a text.
    ///   - onSample: Called after each sample with how many are done.
    /// - Throws: ``EvaluationError``, and what the tokenizer, models and paths throw.
    public func run(
        _ subjects: [Subject], encode: (String) throws -> [Int32], onSample: (Int) -> Void = { _ in }
    ) throws -> [SubjectCells] {
        var results = subjects.map { SubjectCells(name: $0.name, cells: []) }
        var done = 0
        for length in lengths {
            for depth in depths {
                for index in results.indices { results[index].cells.append(Cell(length: length, depth: depth)) }
                for number in 0..<samples {
                    let sample = try generator.sample(length: length, depth: depth, number: number, encode: encode)
                    for (index, subject) in subjects.enumerated() {
                        let last = results[index].cells.count - 1
                        try Self.score(sample, on: subject, into: &results[index].cells[last])
                    }
                    done += 1
                    onSample(done)
                }
            }
        }
        return results
    }

    private static func score(_ sample: NeedleSample, on subject: Subject, into cell: inout Cell) throws {
        let model = subject.runner.model
        let answer = sample.tokens[sample.answerStart...]
        let logits = try OwnedMatrix(rows: 1, columns: model.configuration.vocabularySize)
        var isFound = true
        subject.startSequence()
        defer { subject.path.reset() }
        try subject.run(sample.tokens[...].dropLast(), from: 0) { hidden, position in
            for row in 0..<hidden.rows where position + row + 1 >= sample.answerStart {
                let target = sample.tokens[position + row + 1]
                model.logits(hidden.rows(row..<row + 1), into: logits.view)
                let row = LogitRow(logits.view.row(0))
                guard row.logSumExp.isFinite else {
                    throw EvaluationError("\(subject.name): a logit of a needle sample is not finite")
                }
                cell.logProbability += row.logProbability(target)
                if row.best != target { isFound = false }
            }
        }
        cell.answerTokens += answer.count
        cell.samples += 1
        if isFound { cell.found += 1 }
    }
}
