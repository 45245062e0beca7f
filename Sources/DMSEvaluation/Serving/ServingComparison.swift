import DMSCheckpoint
import DMSModel
import DMSTensor

/// Greedy continuations with eviction against the same model without it: what a user of a server would notice.
///
/// Both continue the same prompt. KL is measured step by step up to and including the step at which they part, because
/// until then both predict from the same text; after it only the tokens are compared. End-of-text tokens do not end a
/// continuation.
public struct ServingComparison {
    /// What one prompt gave.
    public struct PromptResult: Sendable, Hashable {
        /// Where the prompt starts in the corpus, in tokens.
        public let offset: Int
        /// Steps at which both chose the same token, whether or not they had parted before.
        public let matches: Int
        /// Steps before the first different token.
        public let stepsUntilDivergence: Int
        /// Steps in all.
        public let steps: Int
        /// KL(no eviction ‖ eviction) of the steps scored.
        public let divergence: Divergence

        /// matches / steps.
        public var matchRate: Double { Double(matches) / Double(steps) }
    }

    /// All prompts together.
    public struct Summary: Sendable, Hashable {
        /// Steps at which both chose the same token.
        public let matches: Int
        /// Steps that were compared.
        public let steps: Int
        /// Over every scored step, so that a prompt counts by the steps it was scored for.
        public let divergence: Divergence

        /// The sum of all prompts.
        public init(_ prompts: [PromptResult]) {
            matches = prompts.reduce(0) { $0 + $1.matches }
            steps = prompts.reduce(0) { $0 + $1.steps }
            divergence = prompts.reduce(into: Divergence()) { $0.merge($1.divergence) }
        }

        /// matches / steps, or `nil` without prompts.
        public var matchRate: Double? { steps > 0 ? Double(matches) / Double(steps) : nil }
    }

    /// Without eviction.
    public let reference: Subject
    /// The same model with eviction.
    public let subject: Subject
    /// Tokens to generate.
    public let steps: Int

    /// - Throws: ``EvaluationError`` for fewer than one step.
    public init(reference: Subject, subject: Subject, steps: Int) throws(EvaluationError) {
        guard steps >= 1 else { throw EvaluationError("steps: found \(steps); required: at least 1") }
        self.reference = reference
        self.subject = subject
        self.steps = steps
    }

    /// Continues one prompt twice.
    ///
    /// - Throws: ``EvaluationError`` for logits that are not finite, and what the model and the paths throw.
    public func compare(prompt: ArraySlice<Int32>) throws -> PromptResult {
        precondition(!prompt.isEmpty, "a prompt of no tokens")
        let expected = try GreedyContinuation(reference, prompt: prompt)
        let found = try GreedyContinuation(subject, prompt: prompt)
        var divergence = Divergence()
        var matches = 0
        var agreed: Int?
        for step in 0..<steps {
            let wanted = try expected.row()
            let got = try found.row()
            if agreed == nil { divergence.add(reference: wanted, subject: got, target: wanted.best) }
            if wanted.best == got.best { matches += 1 } else { agreed = agreed ?? step }
            if step + 1 < steps {
                try expected.append(wanted.best)
                try found.append(got.best)
            }
        }
        return PromptResult(
            offset: prompt.startIndex, matches: matches, stepsUntilDivergence: agreed ?? steps, steps: steps,
            divergence: divergence)
    }
}

/// One sequence and the logits after its last token.
private final class GreedyContinuation {
    private let subject: Subject
    private let logits: OwnedMatrix
    private var count = 0

    init(_ subject: Subject, prompt: ArraySlice<Int32>) throws {
        self.subject = subject
        logits = try OwnedMatrix(rows: 1, columns: subject.runner.model.configuration.vocabularySize)
        subject.startSequence()
        try run(prompt)
    }

    func append(_ token: Int32) throws { try run([token]) }

    func row() throws(EvaluationError) -> LogitRow {
        let row = LogitRow(logits.view.row(0))
        guard row.logSumExp.isFinite else {
            throw EvaluationError("\(subject.name): a logit after \(count) tokens is not finite")
        }
        return row
    }

    private func run(_ tokens: ArraySlice<Int32>) throws {
        let end = count + tokens.count
        try subject.run(tokens, from: count) { hidden, position in
            guard position + hidden.rows == end else { return }
            subject.runner.model.logits(hidden.rows(hidden.rows - 1..<hidden.rows), into: logits.view)
        }
        count = end
    }
}
