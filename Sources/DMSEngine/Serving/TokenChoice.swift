import DMSModel
import DMSTensor

/// Chooses the tokens of a pass, for several requests at a time, on the threads that wait for the next pass.
///
/// A choice takes up to a millisecond with a large vocabulary, and nothing of it is shared: logits, sampler, grammar, text
/// and consumer are a request's own. So neither tokens nor bits depend on which thread makes it, or on when.
final class TokenChoice: ParallelWork, @unchecked Sendable {
    // Invariant for Sendable: the engine's thread changes `parts`, and never while they are worked at. Each part has a
    // request of its own, which nobody else touches meanwhile.

    /// A span that samples.
    struct Part {
        let span: PlannedSpan
        let request: OpenRequest
        /// The span's guesses.
        let draft: ArraySlice<Int32>
        /// A row for the token behind the span, and one behind each guess.
        let logits: MatrixView
    }

    /// Fewer logits than this are looked through before other threads have noticed.
    static let leastLogits = 1 << 16

    private(set) var parts: [Part] = []

    func add(_ part: Part) { parts.append(part) }

    /// Forgets the parts, and keeps their memory.
    func removeAll() { parts.removeAll(keepingCapacity: true) }

    /// Chooses for all parts; ``OpenRequest/choice`` then has what came of it.
    func choose(with model: LlamaModel) {
        let logits = parts.reduce(0) { $0 + $1.logits.rows * $1.logits.columns }
        if parts.count > 1, logits >= Self.leastLogits {
            // The threads are the model's, and other engines may be waiting for them.
            model.inTurn { model.kernels.forEach(parts.count, self) }
        } else {
            for index in parts.indices { work(at: index) }
        }
    }

    func work(at index: Int) {
        let part = parts[index]
        part.request.choose(after: part.draft, part.logits)
    }
}

extension OpenRequest {
    /// What came of a request's logits in a step.
    struct Choice {
        /// Tokens that were chosen.
        var tokens = 0
        /// How many guesses were chosen.
        var accepted = 0
        /// Why the last token ends the request, if it does.
        var reason: FinishReason?
        /// Whether the consumer has enough for now.
        var isFull = false
        /// Why there is no further token: logits that are no numbers, or a grammar that allows none.
        var error: (any Error)?
    }

    /// Chooses the token behind a span, and one more behind each guess that was chosen, in order, and tells the consumer.
    fileprivate func choose(after draft: ArraySlice<Int32>, _ logits: MatrixView) {
        choice = Choice()
        if let event = promptScores?.event() { _ = buffer.push(event) }
        do {
            while true {
                let (event, reason) = try choose(UnsafeBufferPointer(logits.row(choice.accepted)))
                choice.tokens += 1
                choice.reason = reason
                choice.isFull = buffer.push(event)
                let isRight = choice.accepted < draft.count && tokens.last == draft[draft.startIndex + choice.accepted]
                if reason != nil || choice.isFull || !isRight { return }
                choice.accepted += 1
            }
        } catch {
            choice.error = error
        }
    }
}
