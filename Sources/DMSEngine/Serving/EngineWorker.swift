import DMSCache
import DMSModel
import DMSPolicy
import DMSTokenizer
import Synchronization

/// The engine's loop and all that it owns: scheduler, cache, activations, open requests.
///
/// Made on one thread, handed to the engine's own, and used by no other from then on.
///
/// A step in which streams get a token each, and nothing else happens, allocates nothing but what grows with their length
/// (lists of tokens and of unread events, which double, and tables of pages), and takes these locks, which nobody else
/// holds for long: the model's turn, once for the pass and once to choose tokens with its threads; one for each stream's
/// buffer; one for the statistics. docs/performance.md has the counts.
final class EngineWorker {
    private let tokenizer: Tokenizer?
    private let mailbox: Mailbox
    private let board: StatisticsBoard
    private let runner: BatchRunner
    private let prefixes: PrefixCache
    private let writer: SessionWriter?
    private let identity: SequenceIdentity?
    private var scheduler: Scheduler
    private var speculator: Speculator
    /// What is done in a step; kept for the memory that it has taken.
    private var plan = StepPlan()
    private let choice = TokenChoice()
    private lazy var memory = CacheMemory(
        runner.cache, prefixes: prefixes, awaitSaves: { [unowned self] in self.endSaves(waits: true) },
        request: { [unowned self] id in self.requests[id] })
    private var requests: [RequestID: OpenRequest] = [:]
    /// Requests that ended but for their files, which are being written.
    private var saving: [RequestID: FinishReason] = [:]
    private var statistics = EngineStatistics()
    private let start = ContinuousClock.now
    /// When all has to end, once the engine was told to.
    private var closing: ContinuousClock.Instant?
    /// Whether nothing can be computed before something happens outside.
    private var isIdle = true
    private var lastReport: ContinuousClock.Instant?

    init(
        _ runner: BatchRunner, limits: SchedulerLimits, maximumPrefixes: Int,
        speculation: SpeculationParameters? = nil, writer: SessionWriter?, identity: SequenceIdentity?,
        tokenizer: Tokenizer?, workspaceBytes: Int, mailbox: Mailbox, board: StatisticsBoard
    ) {
        speculator = Speculator(speculation)
        self.runner = runner
        self.writer = writer
        self.identity = identity
        prefixes = PrefixCache(runner.cache, limit: maximumPrefixes)
        self.tokenizer = tokenizer
        self.mailbox = mailbox
        self.board = board
        scheduler = Scheduler(limits)
        statistics.workspaceBytes = workspaceBytes
        publish()
    }

    /// Serves until the engine is closed and drained, or its time is over.
    func run() {
        while turn() {}
        // What was submitted before the engine closed, and not taken yet, is told as well.
        takeNews(waits: false, isDrained: true)
        // What came to its end is saved, however late it is.
        _ = endSaves(waits: true)
        writer?.close()
        for id in requests.keys.sorted() {
            _ = scheduler.remove(id)
            fail(id, EngineError.shutDown)
        }
        prefixes.removeAll()
        runner.cache.removeAll()
        isIdle = true
        publish()
        mailbox.end()
    }

    /// One turn of the loop: what was asked since the last one, then a step.
    ///
    /// - Returns: Whether there may be another; not once the engine is closed and drained, or its time is over.
    func turn() -> Bool {
        takeNews(waits: isIdle, isDrained: isDrained)
        _ = endSaves(waits: false)
        if let closing, isDrained || closing <= .now { return false }
        step()
        return true
    }

    private var isDrained: Bool { scheduler.isEmpty && saving.isEmpty }

    private func takeNews(waits: Bool, isDrained: Bool) {
        let deadline = waits ? scheduler.nextDeadline.map { start + $0 } : nil
        guard let news = mailbox.take(waits: waits, isDrained: isDrained, until: deadline) else { return }
        closing = news.closing
        for command in news.commands { apply(command) }
    }

    private func apply(_ command: Mailbox.Command) {
        switch command {
        case .submit(let submission): admit(submission)
        case .cancel(let id): if scheduler.remove(id) { finish(Completion(id: id, reason: .cancelled)) }
        case .resume(let id): scheduler.setPaused(id, false)
        case .saved: break
        }
    }

    private func admit(_ submission: Mailbox.Submission) {
        do {
            let request = try OpenRequest(submission, tokenizer: tokenizer)
            requests[submission.id] = request
            let deadline = submission.request.timeLimit.map { submission.submitted - start + $0 }
            scheduler.submit(
                ScheduledRequest(
                    id: submission.id, promptCount: request.promptCount,
                    maximumTokens: submission.request.maximumTokens, deadline: deadline,
                    base: submission.session?.cachedCount ?? 0))
            statistics.promptTokens += submission.request.prompt.count
        } catch {
            submission.buffer.fail(error)
            statistics.failed += 1
            mailbox.noteEnd()
        }
    }

    // MARK: A step

    private func step() {
        let watch = Stopwatch()
        memory.beginStep()
        scheduler.plan(into: &plan, now: .now - start, memory: memory)
        scheduler.addDrafts(to: &plan, memory: memory) { id, room in
            // What a request is told about its tokens is told once.
            guard let request = requests[id], !request.request.reportsCache else { return 0 }
            return speculator.propose(request, room: room)
        }
        for id in plan.preempted { requests[id]?.notePreemption() }
        for id in plan.removed { runner.cache.remove(id.rawValue) }
        for completion in plan.completions { finish(completion) }
        isIdle = plan.isIdle
        defer { publish() }
        if plan.spans.isEmpty { return }
        // It was promised an arena that nothing else has left holes in.
        if scheduler.runsExclusively {
            prefixes.removeAll()
            _ = endSaves(waits: true)
        }
        memory.prepare(plan.spans)
        let planned = watch.seconds
        do {
            try run(plan)
        } catch {
            // The cache's state for these sequences is undefined; the others are untouched.
            for span in plan.spans where scheduler.remove(span.id) { fail(span.id, error) }
        }
        statistics.steps += 1
        statistics.computedTokens += plan.rowCount
        statistics.schedulerSeconds += planned
        statistics.lastStepSeconds = watch.seconds
        statistics.stepSeconds += watch.seconds
    }

    private func run(_ plan: StepPlan) throws {
        for span in plan.spans { requests[span.id]?.noteStart() }
        let observed = plan.spans.filter { requests[$0.id]?.request.reportsCache == true }
        runner.recorder.observe(Set(observed.map(\.id.rawValue)))
        let pass = Stopwatch()
        try runner.run(plan.spans) { span in
            requests[span.id].map { speculator.tokens(span, of: $0) } ?? []
        } inspect: { hidden in
            runner.scorePrompts(plan.spans, hidden) { requests[$0] }
        }
        statistics.modelSeconds += pass.seconds
        for span in observed { reportCache(span) }
        storePrefixes(plan.spans)
        choose(plan.spans)
        // Of most steps these are empty, and take no memory.
        var finishing: [RequestID: FinishReason] = [:]
        var failures: [RequestID: any Error] = [:]
        var accepted: [RequestID: Int] = [:]
        for part in choice.parts {
            let (span, made) = (part.span, part.request.choice)
            statistics.generatedTokens += made.tokens
            if made.isFull { scheduler.setPaused(span.id, true) }
            if let reason = made.reason { finishing[span.id] = reason }
            if let error = made.error { failures[span.id] = error }
            if span.drafted == 0 { continue }
            accepted[span.id] = made.accepted
            runner.settle(span, accepting: made.accepted)
            speculator.note(span, accepted: made.accepted)
        }
        choice.removeAll()
        let watch = Stopwatch()
        let completions = scheduler.commit(plan, finishing: finishing, accepted: accepted)
        statistics.schedulerSeconds += watch.seconds
        for (id, error) in failures {
            _ = scheduler.remove(id)
            fail(id, error)
        }
        for completion in completions where failures[completion.id] == nil { finish(completion) }
    }

    /// Chooses what follows the spans that sample; ``choice`` then has a part for each.
    private func choose(_ spans: [PlannedSpan]) {
        var row = 0
        for span in spans where span.samples {
            let rows = row..<row + 1 + span.drafted
            row = rows.upperBound
            guard let request = requests[span.id] else { preconditionFailure("\(span.id) is computed and not open") }
            choice.add(
                TokenChoice.Part(
                    span: span, request: request, draft: speculator.draft(of: span),
                    logits: runner.logits(rows)))
        }
        choice.choose(with: runner.model)
    }

    private func reportCache(_ span: PlannedSpan) {
        guard let request = requests[span.id] else { return }
        let decisions = runner.recorder.decisions(of: span.id.rawValue)
        guard let progress = request.progress(span, decisions: decisions, runner.cache) else { return }
        if request.buffer.push(.cache(progress)) { scheduler.setPaused(span.id, true) }
    }

    private func storePrefixes(_ spans: [PlannedSpan]) {
        if scheduler.runsExclusively { return }
        for span in spans where scheduler.isBoundary(span) {
            if let request = requests[span.id] { prefixes.store(request, count: span.positions.upperBound) }
        }
    }

    // MARK: Ends

    private func finish(_ completion: Completion) {
        do throws(ModelError) {
            if try save(completion) { return }
        } catch {
            return fail(completion.id, error)
        }
        end(completion)
    }

    private func end(_ completion: Completion) {
        guard let request = close(completion.id) else { return }
        let summary = request.finished(completion.reason)
        statistics.finished[summary.reason, default: 0] += 1
        request.buffer.finish(.finished(summary))
    }

    /// Begins to save a conversation that came to an end of its own; what was cut short is not worth one that is there.
    ///
    /// - Returns: Whether the end comes when it is saved: ``endSaves(waits:)``.
    private func save(_ completion: Completion) throws(ModelError) -> Bool {
        guard let request = requests[completion.id], let name = request.request.saving, let writer, let identity
        else { return false }
        switch completion.reason {
        case .stop, .stopString, .length, .contextLimit:
            let snapshot = try runner.cache.snapshot(
                of: completion.id.rawValue, tokens: request.savedTokens, identity: identity)
            saving[completion.id] = completion.reason
            writer.write(SessionWriter.Job(id: completion.id, snapshot: snapshot, name: name))
            return true
        case .memoryLimit, .deadline, .cancelled: return false
        }
    }

    /// Ends the requests whose conversations were written, or could not be, and gives their memory back.
    ///
    /// - Parameter waits: Whether to wait for all of them.
    /// - Returns: Whether there were any.
    private func endSaves(waits: Bool) -> Bool {
        guard !saving.isEmpty, let writer else { return false }
        let ends = writer.takeEnded(waits: waits)
        for end in ends {
            guard let reason = saving.removeValue(forKey: end.id) else { continue }
            if let error = end.error {
                fail(end.id, error)
            } else {
                self.end(Completion(id: end.id, reason: reason))
            }
        }
        return !ends.isEmpty
    }

    private func fail(_ id: RequestID, _ error: any Error) {
        guard let request = close(id) else { return }
        statistics.failed += 1
        request.buffer.fail(error)
    }

    /// Everything that an open request holds goes back.
    private func close(_ id: RequestID) -> OpenRequest? {
        runner.cache.remove(id.rawValue)
        speculator.forget(id)
        guard let request = requests.removeValue(forKey: id) else { return nil }
        mailbox.noteEnd()
        return request
    }

    // MARK: Statistics

    private func publish() {
        statistics.running = scheduler.running.count
        statistics.waiting = scheduler.waiting.count
        statistics.paused = scheduler.pausedCount
        statistics.preemptions = scheduler.preemptionCount
        statistics.speculation = speculator.counts
        statistics.storedPrefixes = prefixes.count
        statistics.reclaimedPrefixes = prefixes.counts.reclaimed
        statistics.prefixHits = prefixes.counts.hits
        statistics.reusedTokens = prefixes.counts.reusedTokens
        // A report goes through all streams of the cache, which is too much for every step of a small model.
        if isIdle || lastReport.map({ .now - $0 > .milliseconds(50) }) ?? true {
            lastReport = .now
            let report = runner.cache.totals()
            statistics.liveBytes = report.liveBytes
            statistics.denseBytes = report.denseBytes
            statistics.allocatedBytes = report.allocatedBytes
            statistics.peakAllocatedBytes = report.peakAllocatedBytes
            statistics.budgetBytes = report.budgetBytes
            statistics.pagesInUse = report.pagesInUse
            statistics.decisions = report.tally.decisions
            statistics.evictions = report.tally.evictions
        }
        board.value.withLock { $0 = statistics }
    }
}

/// Where an engine's statistics are read while it works.
final class StatisticsBoard: Sendable {
    let value = Mutex(EngineStatistics())
}
