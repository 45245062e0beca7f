import DMSModel
import DMSTensor

/// How likely the model found a prompt's own tokens, as far as they were run.
struct PromptScores {
    /// How many of the likeliest tokens are told beside each.
    let alternatives: Int
    /// The n-th is of the token at position n + 1; a prompt that is computed again after preemption goes on behind them.
    private(set) var probabilities: [LogProbabilities] = []
    /// A row whose logits were no numbers.
    private(set) var failure: SamplingError?
    private var isDelivered = false

    init(alternatives: Int) { self.alternatives = alternatives }

    /// The positions of a span whose logits tell of a token of the prompt that is not known yet.
    func missing(in positions: Range<Int>, promptCount: Int) -> Range<Int> {
        if isDelivered { return 0..<0 }
        let wanted = probabilities.count..<max(promptCount - 1, probabilities.count)
        return positions.clamped(to: wanted)
    }

    mutating func append(_ logits: UnsafeBufferPointer<Float>, next token: Int32) {
        if failure == nil, let index = logits.firstNotFinite {
            failure = SamplingError(token: index, logit: logits[index])
        }
        probabilities.append(LogProbabilities(logits, chosen: token, count: alternatives))
    }

    /// The event that tells of them, once, when the prompt's last row has been run.
    mutating func event() -> GenerationEvent? {
        if isDelivered { return nil }
        isDelivered = true
        defer { probabilities = [] }
        return .prompt(probabilities)
    }
}

extension OpenRequest {
    /// Takes the logits behind a position of the prompt.
    fileprivate func score(_ logits: UnsafeBufferPointer<Float>, position: Int) {
        promptScores?.append(logits, next: tokens[position + 1])
    }
}

extension BatchRunner {
    /// Scores the prompts of a pass whose requests ask for it.
    ///
    /// Logits are computed as many rows at a time as sampling needs memory for, in that memory, so it costs time and no
    /// memory. Their bits do not depend on that.
    func scorePrompts(_ spans: [PlannedSpan], _ hidden: MatrixView, request: (RequestID) -> OpenRequest?) {
        var firstRow = 0
        for span in spans {
            defer { firstRow += span.positions.count }
            guard let request = request(span.id),
                let missing = request.promptScores?.missing(in: span.positions, promptCount: request.promptCount)
            else { continue }
            for start in stride(from: missing.lowerBound, to: missing.upperBound, by: sampledLogits.rows) {
                let positions = start..<min(start + sampledLogits.rows, missing.upperBound)
                let row = firstRow + start - span.positions.lowerBound
                let logits = sampledLogits.view(rows: positions.count)
                model.logits(hidden.rows(row..<row + positions.count), into: logits)
                for position in positions {
                    request.score(UnsafeBufferPointer(logits.row(position - start)), position: position)
                }
            }
        }
    }
}
