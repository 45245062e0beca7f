/// Consecutive tokens of one request in a planned pass.
struct PlannedSpan: Sendable, Hashable {
    let id: RequestID
    /// Absolute positions.
    var positions: Range<Int>
    /// Whether attention takes the tokens one after another, as when they were first computed.
    let rowByRow: Bool
    /// Whether the last row's logits choose the next token; with guesses, those of the row before them and their own.
    var samples: Bool
    /// How many of the last tokens are guesses.
    var drafted = 0
}

/// A request that ended, and why.
struct Completion: Sendable, Hashable {
    let id: RequestID
    let reason: FinishReason
}

/// What to do in one step, in this order: remove, tell, run.
///
/// One plan serves all steps of an engine, so that it takes memory once.
struct StepPlan: Sendable, Hashable {
    /// Requests that ended before the pass.
    var completions: [Completion] = []
    /// Requests that give their memory back and wait again.
    var preempted: [RequestID] = []
    /// The pass; none when there is nothing to compute.
    var spans: [PlannedSpan] = []

    /// Sequences that leave the cache before the pass.
    var removed: Set<RequestID> {
        // Asked for again and again in every step, and of nearly every step empty.
        completions.isEmpty && preempted.isEmpty ? [] : Set(completions.map(\.id)).union(preempted)
    }

    var rowCount: Int { spans.reduce(0) { $0 + $1.positions.count } }

    /// Whether the step neither computes nor ends anything.
    var isIdle: Bool { spans.isEmpty && completions.isEmpty }

    /// Empties the plan and keeps its memory.
    mutating func removeAll() {
        completions.removeAll(keepingCapacity: true)
        preempted.removeAll(keepingCapacity: true)
        spans.removeAll(keepingCapacity: true)
    }
}
