import DMSTestSupport
import Testing

@testable import DMSEngine

/// Memory in tokens, which behaves as badly as it is told to.
struct FakeMemory: SchedulerMemory {
    enum Behaviour: CaseIterable { case keepsAll, evictsAll, random }

    let budget: Int
    let pageTokens: Int
    let window: Int
    var stored: [RequestID: Int] = [:]
    /// Tokens lost to holes that only an empty arena is rid of.
    var holes = 0
    /// What is said to be stored of requests that wait.
    var prefixes: [RequestID: StoredPrefix] = [:]

    private func pages(_ tokens: Int) -> Int { (tokens + pageTokens - 1) / pageTokens * pageTokens }

    var allocated: Int { stored.values.reduce(holes) { $0 + pages($1) } }

    func fits(_ spans: [PlannedSpan], removing removed: Set<RequestID>) -> Bool {
        var left = stored
        for id in removed { left[id] = nil }
        var total = left.isEmpty ? 0 : holes
        // Of what a request starts with, all counts.
        for span in spans { left[span.id, default: span.positions.lowerBound] += span.positions.count }
        for tokens in left.values { total += pages(tokens) }
        return total <= budget
    }

    func hasRoom(for spans: [PlannedSpan], removing removed: Set<RequestID>) -> Bool {
        fits(spans, removing: removed)
    }

    func storedPrefix(of id: RequestID) -> StoredPrefix { prefixes[id] ?? StoredPrefix() }

    mutating func remove(_ id: RequestID, leavingHoles: Int) {
        guard stored.removeValue(forKey: id) != nil else { return }
        holes = stored.isEmpty ? 0 : min(holes + leavingHoles, budget / 2)
    }

    mutating func store(_ span: PlannedSpan, _ behaviour: Behaviour, _ random: inout SeededGenerator) {
        let before = stored[span.id, default: span.positions.lowerBound]
        var after = before
        for _ in span.positions {
            let isKept =
                switch behaviour {
                case .keepsAll: true
                case .evictsAll: false
                case .random: Int.random(in: 0..<4, using: &random) == 0
                }
            if after < window || isKept { after += 1 }
        }
        stored[span.id] = after
    }
}

extension Scheduler {
    /// A plan of its own for the next step.
    mutating func plan(now: Duration, memory: some SchedulerMemory) -> StepPlan {
        var plan = StepPlan()
        self.plan(into: &plan, now: now, memory: memory)
        return plan
    }
}

/// The first thing that went wrong.
final class FailureRecord {
    var failure: String?
}

/// A random life of a scheduler, checked at every step.
struct SchedulerSimulation {
    struct Setting {
        var behaviour: FakeMemory.Behaviour
        var budget: Int
        var holes = 0
        var pauses = false
        var cancels = false
        var deadlines = false
        var prefixes = false
        var drafts = false
        var requests = 25
    }

    /// What a cache of a request would look like: which tokens arrived together.
    typealias Arrivals = [Range<Int>]

    let setting: Setting
    var scheduler: Scheduler
    /// It is used again in the next step, as an engine does.
    var lastPlan = StepPlan()
    var memory: FakeMemory
    var random: SeededGenerator
    var arrivals: [RequestID: Arrivals] = [:]
    var open: [RequestID: ScheduledRequest] = [:]
    var stopsAt: [RequestID: Int] = [:]
    var pausedBy: Set<RequestID> = []
    var ended: [RequestID: FinishReason] = [:]
    var generated: [RequestID: Int] = [:]
    var submitted = 0
    /// Requests that started with something stored.
    var hits = 0
    /// Guesses that were made, and those among them that were right.
    var guesses = (made: 0, right: 0)
    var step = 0
    let record = FailureRecord()

    var failure: String? { record.failure }

    init(_ setting: Setting, seed: UInt64) {
        self.setting = setting
        random = SeededGenerator(seed: seed)
        let block = [1, 2, 4, 5][Int.random(in: 0..<4, using: &random)]
        let running = Int.random(in: 1...8, using: &random)
        let step = running - 1 + block + Int.random(in: 0...20, using: &random)
        var limits = SchedulerLimits(
            tokensPerStep: step, maximumRunning: running, blockRows: block, positions: 60)
        limits.headroom = Int.random(in: 0...8, using: &random)
        limits.patience = Int.random(in: 1...10, using: &random)
        if setting.drafts {
            limits.draftTokens = Int.random(in: 1...6, using: &random)
            limits.draftStreams = Int.random(in: 1...8, using: &random)
        }
        scheduler = Scheduler(limits)
        memory = FakeMemory(
            budget: setting.budget, pageTokens: [1, 4][Int.random(in: 0..<2, using: &random)], window: 3)
    }

    /// Tokens that arrive together, as a function of the request alone.
    static func expectedArrivals(prompt: Int, tokens: Int, block: Int) -> Arrivals {
        var result: Arrivals = []
        var start = 0
        while start < prompt {
            let end = min(start + block, prompt)
            result.append(start..<end)
            start = end
        }
        return result + (prompt..<max(prompt, tokens)).map { $0..<$0 + 1 }
    }

    mutating func run() {
        while failure == nil, submitted < setting.requests || !open.isEmpty {
            happen()
            advance()
            step += 1
            check(step < 20_000, "no end in sight: \(open.count) open, \(scheduler.running.count) running")
        }
        check(memory.stored.isEmpty, "sequences left in memory")
        check(scheduler.isEmpty, "requests left in the scheduler")
    }

    private func check(_ condition: Bool, _ message: @autoclosure () -> String) {
        if !condition, failure == nil { record.failure = "step \(step): \(message())" }
    }

    private mutating func happen() {
        while submitted < setting.requests, Int.random(in: 0..<3, using: &random) == 0 {
            let id = RequestID(submitted)
            let prompt = Int.random(in: 1...30, using: &random)
            let request = ScheduledRequest(
                id: id, promptCount: prompt, maximumTokens: Int.random(in: 1...20, using: &random),
                deadline: setting.deadlines && Bool.random(using: &random)
                    ? .seconds(step + Int.random(in: 0...60, using: &random)) : nil)
            submitted += 1
            scheduler.submit(request)
            open[id] = request
            stopsAt[id] = Int.random(in: 1...30, using: &random)
        }
        for id in open.keys.sorted() {
            if setting.cancels, Int.random(in: 0..<60, using: &random) == 0 {
                let isKnown = scheduler.remove(id)
                check(isKnown, "\(id) is unknown")
                end(id, .cancelled)
            } else if setting.pauses, Int.random(in: 0..<8, using: &random) == 0 {
                let pauses = Bool.random(using: &random)
                scheduler.setPaused(id, pauses)
                if pauses { pausedBy.insert(id) } else { pausedBy.remove(id) }
            }
        }
        if setting.prefixes { storePrefixes() }
        // Everyone reads in the end.
        if submitted == setting.requests, step % 100 == 99 {
            for id in pausedBy { scheduler.setPaused(id, false) }
            pausedBy = []
        }
    }

    /// Something else is stored of every prompt.
    private mutating func storePrefixes() {
        let block = scheduler.limits.blockRows
        memory.prefixes = [:]
        for request in open.values.sorted(by: { $0.id < $1.id }) {
            let reusable = Int.random(in: 0..<request.promptCount, using: &random) / block * block
            let boundary = Int.random(in: reusable...request.promptCount, using: &random) / block * block
            memory.prefixes[request.id] = StoredPrefix(
                reusable: reusable, boundaries: boundary > reusable ? [boundary] : [])
        }
    }

    private mutating func end(_ id: RequestID, _ reason: FinishReason, leavingHoles holes: Int = 0) {
        check(ended[id] == nil, "\(id) ended twice")
        ended[id] = reason
        open[id] = nil
        arrivals[id] = nil
        pausedBy.remove(id)
        memory.remove(id, leavingHoles: holes)
    }

    private mutating func advance() {
        let olderPaused = Set(scheduler.running.filter(\.isPaused).map(\.id))
        let oldest = scheduler.running.first { !$0.isPaused }?.id
        var twin = scheduler
        let fresh = twin.plan(now: .seconds(step), memory: memory)
        var plan = lastPlan
        defer { lastPlan = plan }
        scheduler.plan(into: &plan, now: .seconds(step), memory: memory)
        check(plan == fresh && twin.running == scheduler.running && twin.waiting == scheduler.waiting, "a stale plan")
        if setting.drafts { addDrafts(&plan) }
        for completion in plan.completions {
            check(
                completion.reason == .deadline ? setting.deadlines : completion.reason == .memoryLimit,
                "\(completion.id) ended early: \(completion.reason)")
            end(completion.id, completion.reason)
        }
        for id in plan.preempted {
            memory.remove(id, leavingHoles: 0)
            arrivals[id] = nil
            if id == oldest, scheduler.exclusive != id, ended[id] == nil, olderPaused.isEmpty {
                check(false, "the oldest was preempted for another")
            }
        }
        checkPlan(plan)
        var finishing: [RequestID: FinishReason] = [:]
        var accepted: [RequestID: Int] = [:]
        for planned in plan.spans {
            let span = settle(planned, &accepted)
            arrive(span, accepted[span.id] ?? 0)
            memory.store(span, setting.behaviour, &random)
            guard span.samples else { continue }
            generated[span.id, default: 0] += 1 + (accepted[span.id] ?? 0)
            if generated[span.id] == stopsAt[span.id] { finishing[span.id] = .stop }
        }
        check(memory.allocated <= memory.budget, "\(memory.allocated) of \(memory.budget) tokens allocated")
        // Not what the plan removes: the memory answered for that.
        for completion in scheduler.commit(plan, finishing: finishing, accepted: accepted) {
            end(completion.id, completion.reason, leavingHoles: setting.holes)
        }
    }

    /// Guesses at random, as far as there is room.
    private mutating func addDrafts(_ plan: inout StepPlan) {
        var random = self.random
        let before = plan
        scheduler.addDrafts(to: &plan, memory: memory) { _, room in Int.random(in: 0...room, using: &random) }
        self.random = random
        for (span, plain) in zip(plan.spans, before.spans) where span != plain {
            guard let request = open[span.id] else { return check(false, "\(span.id) is not open") }
            check(span.samples && span.rowByRow && span.drafted <= scheduler.limits.draftTokens, "\(span)")
            let end = min(request.promptCount + request.maximumTokens - 1, scheduler.limits.positions)
            check(span.positions.upperBound <= end, "\(span) beyond what the request may have")
            check(span.positions.dropLast(span.drafted) == plain.positions, "\(span) is not \(plain) and guesses")
        }
    }

    /// Lets a part of the guesses be right.
    private mutating func settle(_ span: PlannedSpan, _ accepted: inout [RequestID: Int]) -> PlannedSpan {
        if span.drafted == 0 { return span }
        let untilEnd = (stopsAt[span.id] ?? 0) - generated[span.id, default: 0] - 1
        let right = min(Int.random(in: 0...span.drafted, using: &random), max(0, untilEnd))
        accepted[span.id] = right
        guesses.made += span.drafted
        guesses.right += right
        var settled = span
        settled.positions = span.positions.lowerBound..<span.positions.upperBound - span.drafted + right
        settled.drafted = 0
        return settled
    }

    private func checkPlan(_ plan: StepPlan) {
        let limits = scheduler.limits
        check(plan.rowCount <= limits.tokensPerStep, "\(plan.rowCount) rows")
        check(scheduler.running.count <= limits.maximumRunning, "\(scheduler.running.count) run")
        check(Set(plan.spans.map(\.id)).count == plan.spans.count, "a request occurs twice")
        check(plan.spans.isEmpty || memory.fits(plan.spans, removing: []), "the plan does not fit")
        let planned = Set(plan.spans.map(\.id))
        for request in scheduler.running where !request.isPaused && request.isDecoding {
            check(planned.contains(request.id), "the stream of \(request.id) stalls")
        }
        for span in plan.spans { check(!pausedBy.contains(span.id), "\(span.id) is paused and computed") }
        let couldRun = open.keys.contains { !pausedBy.contains($0) }
        check(!plan.isIdle || !couldRun, "idle with work to do")
        let largest = scheduler.waiting.map(\.overtaken).max() ?? 0
        check(largest <= limits.overtakeLimit + limits.maximumRunning, "overtaken \(largest) times")
    }

    /// Lets a span's tokens arrive as the cache does: in blocks from the span's start, or row by row.
    private mutating func arrive(_ span: PlannedSpan, _ accepted: Int) {
        let block = scheduler.limits.blockRows
        guard let request = open[span.id] else { return check(false, "\(span.id) is not open") }
        var known = arrivals[span.id, default: []]
        if known.isEmpty, span.positions.lowerBound > 0 {
            check(span.positions.lowerBound == memory.storedPrefix(of: span.id).reusable, "\(span) starts with nothing")
            known = Self.expectedArrivals(prompt: span.positions.lowerBound, tokens: 0, block: block)
            hits += 1
        }
        for running in scheduler.running where running.id == span.id {
            let passed = running.boundaries.first { span.positions.dropFirst().contains($0) }
            check(passed == nil, "\(span) does not stop at \(passed ?? 0)")
        }
        check(known.last?.upperBound ?? 0 == span.positions.lowerBound, "a gap before \(span)")
        var start = span.positions.lowerBound
        while start < span.positions.upperBound {
            let end = span.rowByRow ? start + 1 : min(start + block, span.positions.upperBound)
            known.append(start..<end)
            start = end
        }
        arrivals[span.id] = known
        guard span.samples else { return }
        let tokens = request.promptCount + generated[span.id, default: 0] + accepted
        let expected = Self.expectedArrivals(prompt: request.promptCount, tokens: tokens, block: block)
        check(known == expected, "\(span.id): tokens arrived as \(known), not \(expected)")
        check(span.rowByRow || span.positions.count > 1 || block == 1, "a single row that is no decode")
    }
}
