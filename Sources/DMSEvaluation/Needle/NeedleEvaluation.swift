import DMSCheckpoint
import DMSModel
import DMSTensor

/// Runs needle tasks by depth and length on several subjects.
///
/// The answer is forced and scored token by token. A sample counts as found when every token of the answer, its full
/// stop included, is the most likely one, which is exactly when greedy decoding would write it. Small base models
/// rarely get that far; the mean log-probability of the answer's tokens still tells how much they remember.
public struct NeedleEvaluation: Sendable {
    /// Where texts and questions come from.
    public let source: any NeedleSource
    /// Tokens of a sample.
    public let lengths: [Int]
    /// 0 … 1.
    public let depths: [Double]
    /// Samples of each length and depth.
    public let samples: Int

    /// - Throws: ``EvaluationError`` for an empty list, a depth outside 0 … 1, or fewer than one sample.
    public init(
        source: any NeedleSource, lengths: [Int], depths: [Double], samples: Int
    ) throws(EvaluationError) {
        guard !lengths.isEmpty, lengths.allSatisfy({ $0 > 0 }) else {
            throw EvaluationError("lengths: found \(lengths); required: one or more positive numbers of tokens")
        }
        guard !depths.isEmpty, depths.allSatisfy({ (0...1).contains($0) }) else {
            throw EvaluationError("depths: found \(depths); required: one or more from 0 to 1")
        }
        guard samples >= 1 else { throw EvaluationError("samples: found \(samples); required: at least 1") }
        self.source = source
        self.lengths = lengths
        self.depths = depths
        self.samples = samples
    }

    /// Samples in all; with controls, which are run on them afterwards, each counts twice.
    public func sampleCount(withControls: Bool) -> Int {
        lengths.count * depths.count * samples * (withControls ? 2 : 1)
    }

    /// Runs every sample on every subject.
    ///
    /// - Parameters:
    ///   - controls: Run as well, with as many tokens stored as the first subject stores.
    ///   - encode: The tokenizer, with whatever token it puts at the start of a text.
    ///   - onSample: Called after each sample with how many are done; see ``sampleCount(withControls:)``.
    /// - Returns: One per subject, in their order, then the controls.
    /// - Throws: ``EvaluationError``, and what the tokenizer, models and paths throw.
    public func run(
        _ subjects: [Subject], controls: NeedleControls? = nil, encode: (String) throws -> [Int32],
        onSample: (Int) -> Void = { _ in }
    ) throws -> [NeedleCells] {
        var results = subjects.map { NeedleCells(name: $0.name) }
        var controlResults: [NeedleCells] = []
        var done = 0
        func count() {
            done += 1
            onSample(done)
        }
        for length in lengths {
            let texts = try depths.map { depth in
                try (0..<samples).map {
                    try source.sample(length: length, depth: depth, number: $0, encode: encode)
                }
            }
            let before = results.first?.storedAtEnd ?? 0
            try run(texts, length: length, on: subjects, into: &results, onSample: count)
            guard let controls else { continue }
            let tokens = texts.joined().map { $0.tokens.count - 1 }
            let stored = Double((results.first?.storedAtEnd ?? 0) - before) / Double(tokens.count)
            let chosen = try controls.subjects(matching: stored, length: tokens.reduce(0, +) / tokens.count)
            if controlResults.isEmpty { controlResults = chosen.map { NeedleCells(name: $0.name) } }
            try run(texts, length: length, on: chosen, into: &controlResults, onSample: count)
        }
        return results + controlResults
    }

    /// The share of a subject's heads that store each token of the prompt when the answer is due.
    ///
    /// - Parameter controls: If given, the shares of the controls that store as much are returned as well.
    /// - Returns: Names and shares, the subject's first.
    public func keptShares(
        of sample: NeedleSample, _ subject: Subject, controls: NeedleControls? = nil
    ) throws -> [(name: String, shares: [Double])] {
        let count = sample.tokens.count - 1
        func shares(_ subject: Subject) throws -> (shares: [Double], stored: Int) {
            subject.startSequence()
            defer { subject.path.reset() }
            try subject.run(sample.tokens[..<count], from: 0) { _, _ in }
            let kept = subject.recorder.keptCounts(tokenCount: count, retention: subject.path.retention)
            return (kept.map { Double($0) / Double(subject.tokenHeads) }, kept.reduce(0, +))
        }
        let own = try shares(subject)
        var all = [(name: subject.name, shares: own.shares)]
        for control in try controls?.subjects(matching: Double(own.stored), length: count) ?? [] {
            all.append((control.name, try shares(control).shares))
        }
        return all
    }

    /// Runs the texts of one length, by depth.
    private func run(
        _ texts: [[NeedleSample]], length: Int, on subjects: [Subject], into results: inout [NeedleCells],
        onSample: () -> Void
    ) throws {
        for (depth, samples) in zip(depths, texts) {
            for index in results.indices { results[index].cells.append(.init(length: length, depth: depth)) }
            for sample in samples {
                for (index, subject) in subjects.enumerated() {
                    try Self.score(sample, on: subject, into: &results[index])
                }
                onSample()
            }
        }
    }

    private static func score(_ sample: NeedleSample, on subject: Subject, into result: inout NeedleCells) throws {
        let model = subject.runner.model
        let count = sample.tokens.count - 1
        let logits = try OwnedMatrix(rows: 1, columns: model.configuration.vocabularySize)
        var isFound = true
        var logProbabilities: [Double] = []
        subject.startSequence()
        defer { subject.path.reset() }
        try subject.run(sample.tokens[..<count], from: 0) { hidden, position in
            for row in 0..<hidden.rows where position + row + 1 >= sample.answerStart {
                let target = sample.tokens[position + row + 1]
                model.logits(hidden.rows(row..<row + 1), into: logits.view)
                let row = LogitRow(logits.view.row(0))
                guard row.logSumExp.isFinite else {
                    throw EvaluationError("\(subject.name): a logit of a needle sample is not finite")
                }
                logProbabilities.append(row.logProbability(target))
                if row.best != target { isFound = false }
            }
        }
        result.cells[result.cells.count - 1].record(isFound: isFound, logProbabilities: logProbabilities)
        let stored = subject.recorder.keptCounts(tokenCount: count, retention: subject.path.retention).reduce(0, +)
        result.recordMemory(
            seen: count * subject.tokenHeads, stored: stored, decisions: subject.recorder.counts)
    }
}
