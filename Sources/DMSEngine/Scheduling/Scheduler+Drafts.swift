extension Scheduler {
    /// Lengthens spans that sample by guesses, with the rows and the memory that a plan leaves.
    ///
    /// A guess takes nothing from anyone: no row from a prompt, no stored prefix, no memory from a sequence. It ends
    /// before what the request may have, so that a sequence never grows larger than without.
    ///
    /// - Parameter propose: Guesses how a request goes on, in so many tokens at most, and says in how many.
    func addDrafts(
        to plan: inout StepPlan, memory: some SchedulerMemory, propose: (RequestID, _ room: Int) -> Int
    ) {
        // What runs exclusively was promised an arena whose pages are never given back.
        guard limits.draftTokens > 0, exclusive == nil else { return }
        guard running.count(where: { !$0.isPaused }) <= limits.draftStreams else { return }
        for index in plan.spans.indices {
            let span = plan.spans[index]
            let room = min(draftRoom(span), limits.tokensPerStep - plan.rowCount)
            guard room > 0 else { continue }
            let count = propose(span.id, room)
            precondition((0...room).contains(count), "\(count) guesses with room for \(room)")
            guard count > 0 else { continue }
            plan.spans[index].positions = span.positions.lowerBound..<span.positions.upperBound + count
            plan.spans[index].drafted = count
            if !memory.hasRoom(for: plan.spans, removing: plan.removed) { plan.spans[index] = span }
        }
    }

    /// How many guesses may follow a span.
    private func draftRoom(_ span: PlannedSpan) -> Int {
        guard span.samples, span.rowByRow, let request = running.first(where: { $0.id == span.id }),
            !request.boundaries.contains(span.positions.upperBound)
        else { return 0 }
        // The token that the span itself leads to is one of those that are left.
        let left = request.maximumTokens - request.generated - 1
        return min(limits.draftTokens, left, limits.positions - request.known)
    }
}
