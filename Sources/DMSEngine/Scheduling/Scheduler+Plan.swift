extension Scheduler {
    /// Plans the next step.
    ///
    /// A step of streams alone allocates nothing: lists are those of the plan, and others are made only where something
    /// starts, ends or gives way.
    ///
    /// - Parameters:
    ///   - plan: Is overwritten; its memory is used again.
    ///   - now: The time on the clock that deadlines are on.
    ///   - memory: Answers for the budget. It must not change before the plan is carried out.
    mutating func plan(into plan: inout StepPlan, now: Duration, memory: some SchedulerMemory) {
        plan.removeAll()
        expire(now, &plan)
        for index in running.indices where running[index].isPaused { running[index].pausedSteps += 1 }
        secureStreams(memory, &plan)
        startPieces(memory, &plan)
        if plan.preempted.isEmpty || running.isEmpty { admit(memory, &plan) }
        fill(memory, &plan)
    }

    private mutating func expire(_ now: Duration, _ plan: inout StepPlan) {
        guard let first = nextDeadline, first <= now else { return }
        for request in running + waiting {
            guard let deadline = request.deadline, deadline <= now else { continue }
            end(request.id, .deadline, &plan)
        }
    }

    private mutating func end(_ id: RequestID, _ reason: FinishReason, _ plan: inout StepPlan) {
        _ = remove(id)
        plan.completions.append(Completion(id: id, reason: reason))
    }

    // MARK: Streams

    /// A row for every stream and a piece of the oldest request, whatever has to be preempted for it.
    private mutating func secureStreams(_ memory: some SchedulerMemory, _ plan: inout StepPlan) {
        while true {
            plan.spans.removeAll(keepingCapacity: true)
            var isOldest = true
            for request in running where !request.isPaused {
                if isOldest || request.isDecoding,
                    let piece = request.nextPiece(from: request.computed, blockRows: limits.blockRows)
                {
                    plan.spans.append(piece)
                }
                isOldest = false
            }
            if plan.spans.isEmpty || memory.fits(plan.spans, removing: plan.removed) { return }
            makeRoom(&plan)
        }
    }

    /// Preempts whoever should give way: readers that are behind first, then the youngest.
    private mutating func makeRoom(_ plan: inout StepPlan) {
        guard let victim = running.last(where: \.isPaused) ?? running.last else { return }
        if running.count > 1 || victim.isPaused {
            if exclusive == victim.id { exclusive = nil }
            preempt(victim.id, &plan)
        } else if exclusive == victim.id {
            end(victim.id, .memoryLimit, &plan)
        } else {
            // What others left behind in the arena may be all that is in the way.
            exclusive = victim.id
            preempt(victim.id, &plan)
        }
    }

    // MARK: Prompts

    /// The first piece of every running request that has none yet, as far as rows and memory go.
    private func startPieces(_ memory: some SchedulerMemory, _ plan: inout StepPlan) {
        for request in running where !request.isPaused && !plan.spans.contains(where: { $0.id == request.id }) {
            guard let piece = request.nextPiece(from: request.computed, blockRows: limits.blockRows) else { continue }
            guard plan.rowCount + piece.positions.count <= limits.tokensPerStep,
                memory.fits(plan.spans + [piece], removing: plan.removed)
            else { return }
            plan.spans.append(piece)
        }
    }

    /// Gives the rows that are left to prompts, a block each in turn.
    private func fill(_ memory: some SchedulerMemory, _ plan: inout StepPlan) {
        // Streams do not grow, and an empty list takes no memory.
        var open = plan.spans.indices.filter { extend($0, memory, &plan) }
        while !open.isEmpty {
            open = open.filter { extend($0, memory, &plan) }
        }
    }

    /// - Returns: Whether the span became longer.
    private func extend(_ index: Int, _ memory: some SchedulerMemory, _ plan: inout StepPlan) -> Bool {
        let span = plan.spans[index]
        guard let request = running.first(where: { $0.id == span.id }),
            !request.boundaries.contains(span.positions.upperBound),
            let piece = request.nextPiece(from: span.positions.upperBound, blockRows: limits.blockRows),
            piece.rowByRow == span.rowByRow, plan.rowCount + piece.positions.count <= limits.tokensPerStep
        else { return false }
        plan.spans[index].positions = span.positions.lowerBound..<piece.positions.upperBound
        plan.spans[index].samples = piece.samples
        if memory.fits(plan.spans, removing: plan.removed) { return true }
        plan.spans[index] = span
        return false
    }

    // MARK: Admission

    private mutating func admit(_ memory: some SchedulerMemory, _ plan: inout StepPlan) {
        if waiting.isEmpty { return }
        if let exclusive, running.contains(where: { $0.id == exclusive && !$0.isPaused }) { return }
        // As many run as may, and nobody gives way: however long the queue is, it need not be looked at.
        if running.count >= limits.maximumRunning, stalled(hasActive: hasActive) == nil { return }
        var candidates = waiting.filter { !$0.isPaused }
        if let first = candidates.first(where: { $0.id == exclusive }) {
            if !running.isEmpty { return }
            candidates = [first]
        }
        var skipped: [RequestID] = []
        for candidate in candidates {
            let hasActive = hasActive
            if hasActive, candidate.preemptedAt == endedCount { break }
            let prefix = memory.storedPrefix(of: candidate.id)
            let pieces = firstPieces(candidate, prefix, plan)
            if pieces.isEmpty { break }
            var piece = pieces.first { isAdmissible($0, memory, plan) }
            while piece == nil, let victim = stalled(hasActive: hasActive) {
                preempt(victim, &plan)
                piece = pieces.first { isAdmissible($0, memory, plan) }
            }
            if let piece {
                start(candidate.id, piece, prefix.boundaries, overtaking: skipped, &plan)
            } else if running.isEmpty {
                end(candidate.id, .memoryLimit, &plan)
            } else {
                skipped.append(candidate.id)
                if candidate.overtaken >= limits.overtakeLimit || skipped.count == limits.scanLimit { break }
            }
        }
    }

    /// What a request could start with and the step has rows for: the piece behind what is stored of it, else the
    /// first of all.
    private func firstPieces(
        _ candidate: ScheduledRequest, _ prefix: StoredPrefix, _ plan: StepPlan
    ) -> [PlannedSpan] {
        // Memory in one piece is what an exclusive request is about; it shares nothing.
        let reuses = prefix.reusable > candidate.base && exclusive != candidate.id
        let starts = reuses ? [prefix.reusable, candidate.base] : [candidate.base]
        return starts.compactMap { candidate.nextPiece(from: $0, blockRows: limits.blockRows) }
            .filter { plan.rowCount + $0.positions.count <= limits.tokensPerStep }
    }

    /// Whether a first piece fits beside some growth of all that run; alone, whether it fits at all.
    private func isAdmissible(_ piece: PlannedSpan, _ memory: some SchedulerMemory, _ plan: StepPlan) -> Bool {
        if running.count >= limits.maximumRunning { return false }
        if running.isEmpty { return memory.fits([piece], removing: plan.removed) }
        var spans = plan.spans
        for request in running where !request.isPaused && !spans.contains(where: { $0.id == request.id }) {
            spans.append(
                PlannedSpan(
                    id: request.id, positions: request.computed..<request.computed, rowByRow: true, samples: false))
        }
        spans.append(piece)
        for index in spans.indices {
            let positions = spans[index].positions
            spans[index].positions = positions.lowerBound..<positions.upperBound + limits.headroom
        }
        return memory.fits(spans, removing: plan.removed)
    }

    /// Whether any running request is computed.
    private var hasActive: Bool { running.contains { !$0.isPaused } }

    /// The youngest sequence that is not computed because nobody reads it, if it has been so for long or nothing else
    /// would be computed.
    private func stalled(hasActive: Bool) -> RequestID? {
        running.last { $0.isPaused && (!hasActive || $0.pausedSteps >= limits.patience) }?.id
    }

    private mutating func start(
        _ id: RequestID, _ piece: PlannedSpan, _ boundaries: [Int], overtaking skipped: [RequestID],
        _ plan: inout StepPlan
    ) {
        guard let index = waiting.firstIndex(where: { $0.id == id }) else { return }
        var request = waiting.remove(at: index)
        request.overtaken = 0
        request.computed = piece.positions.lowerBound
        request.boundaries = boundaries
        running.insert(request, at: running.firstIndex { $0.id > id } ?? running.count)
        plan.spans.append(piece)
        for other in waiting.indices where skipped.contains(waiting[other].id) { waiting[other].overtaken += 1 }
    }
}
