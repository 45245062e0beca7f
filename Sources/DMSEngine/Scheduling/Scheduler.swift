/// Decides what every forward pass computes: a value without model, memory or clock.
///
/// Each step is plan → run → commit. Requests are served in the order of arrival. Every running stream gets a token in
/// every step; what is left of the step's rows goes to prompts, a block each in turn. A request is admitted when its
/// first block fits beside some growth of all that run; growth that does not fit preempts the youngest, whose tokens
/// are kept and computed again later. The oldest running request is never preempted for another one, so there is always
/// one that gets to its end; and one that waits is overtaken a bounded number of times.
struct Scheduler: Sendable {
    let limits: SchedulerLimits
    /// Requests that hold memory, oldest first.
    var running: [ScheduledRequest] = []
    /// Requests that hold none, oldest first.
    var waiting: [ScheduledRequest] = []
    /// Running requests that have ended; what was preempted waits for the next, so that it is not preempted at once.
    var endedCount = 0
    /// A request that did not fit although nothing else ran: it starts anew in an empty cache, alone.
    var exclusive: RequestID?
    /// How often a request gave its memory back.
    private(set) var preemptionCount = 0

    init(_ limits: SchedulerLimits) { self.limits = limits }

    var isEmpty: Bool { running.isEmpty && waiting.isEmpty }

    /// Whether a request runs that needs memory in one piece.
    var runsExclusively: Bool { running.contains { $0.id == exclusive } }

    /// Whether the state behind a span is to be stored.
    func isBoundary(_ span: PlannedSpan) -> Bool {
        running.contains { $0.id == span.id && $0.boundaries.contains(span.positions.upperBound) }
    }

    /// The first deadline of all, `nil` when there is none.
    var nextDeadline: Duration? {
        func earlier(_ time: Duration?, _ request: ScheduledRequest) -> Duration? {
            guard let deadline = request.deadline else { return time }
            return min(time ?? deadline, deadline)
        }
        return waiting.reduce(running.reduce(nil, earlier), earlier)
    }

    /// Requests whose consumers have enough to read.
    var pausedCount: Int { running.count(where: \.isPaused) + waiting.count(where: \.isPaused) }

    // MARK: What happens outside

    /// Takes a request; it must be younger than all others.
    mutating func submit(_ request: ScheduledRequest) {
        precondition((running + waiting).allSatisfy { $0.id < request.id }, "\(request.id) comes late")
        waiting.append(request)
    }

    /// Forgets a request, running or not.
    ///
    /// - Returns: Whether it was known.
    mutating func remove(_ id: RequestID) -> Bool {
        if exclusive == id { exclusive = nil }
        if let index = running.firstIndex(where: { $0.id == id }) {
            running.remove(at: index)
            endedCount += 1
            return true
        }
        guard let index = waiting.firstIndex(where: { $0.id == id }) else { return false }
        waiting.remove(at: index)
        return true
    }

    /// Stops or goes on computing a request; unknown ones have ended and are ignored.
    mutating func setPaused(_ id: RequestID, _ isPaused: Bool) {
        func set(_ request: inout ScheduledRequest) {
            request.isPaused = isPaused
            request.pausedSteps = 0
        }
        if let index = running.firstIndex(where: { $0.id == id }) { set(&running[index]) }
        if let index = waiting.firstIndex(where: { $0.id == id }) { set(&waiting[index]) }
    }

    // MARK: After the pass

    /// Notes that a plan was carried out.
    ///
    /// - Parameters:
    ///   - finishing: Requests whose token, the last one chosen, ends them.
    ///   - accepted: How many guesses were right, for each of which a token more was chosen; the others are taken back.
    /// - Returns: Requests that ended; their sequences are to be removed.
    mutating func commit(
        _ plan: StepPlan, finishing: [RequestID: FinishReason], accepted: [RequestID: Int] = [:]
    ) -> [Completion] {
        var completions: [Completion] = []
        for span in plan.spans {
            guard let index = running.firstIndex(where: { $0.id == span.id }) else {
                preconditionFailure("\(span.id) was planned and is not running")
            }
            let right = accepted[span.id] ?? 0
            running[index].computed = span.positions.upperBound - span.drafted + right
            guard span.samples else { continue }
            running[index].generated += 1 + right
            if let reason = finishing[span.id] ?? limitReached(running[index]) {
                completions.append(Completion(id: span.id, reason: reason))
            }
        }
        for completion in completions { _ = remove(completion.id) }
        return completions
    }

    private func limitReached(_ request: ScheduledRequest) -> FinishReason? {
        if request.generated == request.maximumTokens { return .length }
        return request.known > limits.positions ? .contextLimit : nil
    }

    /// Takes a running request's memory; it waits where its age puts it.
    mutating func preempt(_ id: RequestID, _ plan: inout StepPlan) {
        guard let index = running.firstIndex(where: { $0.id == id }) else {
            preconditionFailure("\(id) is preempted and does not run")
        }
        var request = running.remove(at: index)
        request.computed = 0
        request.preemptedAt = endedCount
        waiting.insert(request, at: waiting.firstIndex { $0.id > id } ?? waiting.count)
        plan.preempted.append(id)
        plan.spans.removeAll { $0.id == id }
        preemptionCount += 1
    }
}
