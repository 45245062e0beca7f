import DMSTestSupport
import Testing

@testable import DMSEngine

/// The pure machine: hundreds of random lives, and the cases that matter by name.
@Suite("Scheduler")
struct SchedulerTests {
    private static func run(
        _ setting: SchedulerSimulation.Setting, seeds: Range<UInt64>
    ) -> (simulations: [SchedulerSimulation], failures: [String]) {
        var simulations: [SchedulerSimulation] = []
        var failures: [String] = []
        for seed in seeds {
            var simulation = SchedulerSimulation(setting, seed: seed)
            simulation.run()
            if let failure = simulation.failure { failures.append("seed \(seed), \(failure)") }
            simulations.append(simulation)
        }
        return (simulations, failures)
    }

    /// 52 tokens is what one request takes at most, pages included.
    @Test("everything ends, within the budget", arguments: FakeMemory.Behaviour.allCases, [52, 110, 400])
    func completes(_ behaviour: FakeMemory.Behaviour, budget: Int) {
        let (simulations, failures) = Self.run(.init(behaviour: behaviour, budget: budget), seeds: 0..<100)
        #expect(failures.isEmpty, "\(failures.first ?? "")")
        for simulation in simulations {
            #expect(simulation.ended.count == simulation.setting.requests)
            #expect(simulation.ended.values.allSatisfy { $0 == .stop || $0 == .length || $0 == .contextLimit })
        }
        if behaviour == .keepsAll, budget == 110 {
            #expect(simulations.reduce(0) { $0 + $1.scheduler.preemptionCount } > 100, "nothing was ever preempted")
        }
    }

    @Test("pauses, cancellations, deadlines and holes in memory at once", arguments: FakeMemory.Behaviour.allCases)
    func troubled(_ behaviour: FakeMemory.Behaviour) {
        let setting = SchedulerSimulation.Setting(
            behaviour: behaviour, budget: 120, holes: 3, pauses: true, cancels: true, deadlines: true)
        let (simulations, failures) = Self.run(setting, seeds: 0..<150)
        #expect(failures.isEmpty, "\(failures.first ?? "")")
        let reasons = Set(simulations.flatMap(\.ended.values))
        #expect(reasons.isSuperset(of: [.stop, .length, .cancelled, .deadline]))
        // Each fits an empty memory, so holes make it start anew and never end it.
        #expect(!reasons.contains(.memoryLimit))
    }

    @Test("holes alone: whoever fits an empty memory gets to its end")
    func holes() {
        let setting = SchedulerSimulation.Setting(behaviour: .keepsAll, budget: 60, holes: 9)
        let (simulations, failures) = Self.run(setting, seeds: 0..<100)
        #expect(failures.isEmpty, "\(failures.first ?? "")")
        #expect(simulations.allSatisfy { !$0.ended.values.contains(.memoryLimit) })
    }

    @Test("whatever is stored of prompts, tokens arrive as if nothing were", arguments: FakeMemory.Behaviour.allCases)
    func prefixes(_ behaviour: FakeMemory.Behaviour) {
        let setting = SchedulerSimulation.Setting(
            behaviour: behaviour, budget: 110, holes: 3, pauses: true, cancels: true, prefixes: true)
        let (simulations, failures) = Self.run(setting, seeds: 0..<150)
        #expect(failures.isEmpty, "\(failures.first ?? "")")
        #expect(simulations.reduce(0) { $0 + $1.hits } > 1000)
        #expect(simulations.allSatisfy { !$0.ended.values.contains(.memoryLimit) })
    }

    @Test("guesses take nothing from anyone, right or wrong", arguments: FakeMemory.Behaviour.allCases, [60, 110, 400])
    func drafts(_ behaviour: FakeMemory.Behaviour, budget: Int) {
        let setting = SchedulerSimulation.Setting(
            behaviour: behaviour, budget: budget, holes: 3, pauses: true, cancels: true, prefixes: true, drafts: true)
        let (simulations, failures) = Self.run(setting, seeds: 0..<100)
        #expect(failures.isEmpty, "\(failures.first ?? "")")
        let right = simulations.reduce(0) { $0 + $1.guesses.right }
        let made = simulations.reduce(0) { $0 + $1.guesses.made }
        #expect(right > 100 && made > right + 100, "\(right) of \(made)")
        #expect(simulations.allSatisfy { !$0.ended.values.contains(.memoryLimit) })
    }

    @Test("guesses are made for few streams, with rows that are left, before the last token")
    func draftRoom() {
        /// Two streams, each of which has a token.
        func streams(_ draftTokens: Int, upTo draftStreams: Int) -> Scheduler {
            var limits = SchedulerLimits(tokensPerStep: 12, maximumRunning: 4, blockRows: 4, positions: 1000)
            limits.draftTokens = draftTokens
            limits.draftStreams = draftStreams
            var scheduler = Scheduler(limits)
            for id in 0..<2 {
                scheduler.submit(ScheduledRequest(id: RequestID(id), promptCount: 4, maximumTokens: 50))
            }
            _ = scheduler.commit(scheduler.plan(now: .zero, memory: Unbounded()), finishing: [:])
            return scheduler
        }
        /// A plan in which all room is used, and how much there was.
        func planned(
            _ scheduler: inout Scheduler, _ memory: Unbounded = Unbounded()
        ) -> (plan: StepPlan, asked: [RequestID: Int]) {
            var plan = scheduler.plan(now: .zero, memory: memory)
            var asked: [RequestID: Int] = [:]
            scheduler.addDrafts(to: &plan, memory: memory) { id, room in
                asked[id] = room
                return room
            }
            return (plan, asked)
        }
        for (tokens, limit) in [(0, 2), (8, 1)] {
            var silent = streams(tokens, upTo: limit)
            let result = planned(&silent)
            #expect(result.asked.isEmpty && result.plan.spans.map(\.positions) == [4..<5, 4..<5])
        }
        var scheduler = streams(8, upTo: 2)
        let refused = planned(&scheduler, Unbounded(isRoomy: false)).plan
        #expect(refused.spans.map(\.positions) == [4..<5, 4..<5] && refused.spans.allSatisfy { $0.drafted == 0 })
        let (plan, asked) = planned(&scheduler)
        // Ten of twelve rows are left, and the first takes eight.
        #expect(asked == [RequestID(0): 8, RequestID(1): 2])
        #expect(plan.spans.map(\.positions) == [4..<13, 4..<7])
        _ = scheduler.commit(plan, finishing: [:], accepted: [RequestID(0): 8, RequestID(1): 1])
        #expect(scheduler.running.map(\.computed) == [13, 6])
        #expect(scheduler.running.map(\.generated) == [10, 3])
        // 50 tokens at most: after 48, one is due and one may be guessed.
        for (generated, room) in [(48, 1), (49, nil)] {
            scheduler.running[0].generated = generated
            scheduler.running[0].computed = 3 + generated
            #expect(planned(&scheduler).asked[RequestID(0)] == room)
        }
    }

    @Test("what cannot fit alone ends as such, and others do not suffer")
    func memoryLimit() {
        let setting = SchedulerSimulation.Setting(behaviour: .keepsAll, budget: 24)
        let (simulations, failures) = Self.run(setting, seeds: 0..<50)
        #expect(failures.isEmpty, "\(failures.first ?? "")")
        let reasons = simulations.flatMap(\.ended.values)
        #expect(reasons.contains(.memoryLimit) && reasons.contains(.length))
    }

    // MARK: By name

    private struct Unbounded: SchedulerMemory {
        var prefix = StoredPrefix()
        var isRoomy = true
        func hasRoom(for spans: [PlannedSpan], removing removed: Set<RequestID>) -> Bool { isRoomy }
        func fits(_ spans: [PlannedSpan], removing removed: Set<RequestID>) -> Bool { true }
        func storedPrefix(of id: RequestID) -> StoredPrefix { prefix }
    }

    private static func scheduler(step: Int, running: Int, block: Int, prompts: [Int]) -> Scheduler {
        var scheduler = Scheduler(
            SchedulerLimits(tokensPerStep: step, maximumRunning: running, blockRows: block, positions: 1000))
        for (index, prompt) in prompts.enumerated() {
            scheduler.submit(ScheduledRequest(id: RequestID(index), promptCount: prompt, maximumTokens: 50))
        }
        return scheduler
    }

    @Test("prompts take turns block by block, and streams go on beside them")
    func turns() {
        var scheduler = Self.scheduler(step: 20, running: 4, block: 4, prompts: [100, 10, 3])
        var plan = scheduler.plan(now: .zero, memory: Unbounded())
        #expect(plan.spans.map(\.positions) == [0..<8, 0..<8, 0..<3])
        #expect(plan.spans.map(\.samples) == [false, false, true])
        _ = scheduler.commit(plan, finishing: [:])
        plan = scheduler.plan(now: .zero, memory: Unbounded())
        #expect(plan.spans.first { $0.id == RequestID(2) }?.positions == 3..<4)
        #expect(plan.spans.first { $0.id == RequestID(1) }?.positions == 8..<10)
        #expect(plan.spans.first { $0.id == RequestID(0) }?.positions == 8..<24)
    }

    @Test("a last block of one row is decode, in any step")
    func loneRow() {
        var scheduler = Self.scheduler(step: 64, running: 1, block: 4, prompts: [9])
        var plan = scheduler.plan(now: .zero, memory: Unbounded())
        #expect(plan.spans == [PlannedSpan(id: RequestID(0), positions: 0..<8, rowByRow: false, samples: false)])
        _ = scheduler.commit(plan, finishing: [:])
        plan = scheduler.plan(now: .zero, memory: Unbounded())
        #expect(plan.spans == [PlannedSpan(id: RequestID(0), positions: 8..<9, rowByRow: true, samples: true)])
    }

    @Test("a request starts behind what is stored of it, and passes end where the state is to be stored")
    func storedPrefix() {
        var scheduler = Self.scheduler(step: 64, running: 1, block: 4, prompts: [30])
        let memory = Unbounded(prefix: StoredPrefix(reusable: 8, boundaries: [16, 28]))
        var positions: [Range<Int>] = []
        var stored: [Int] = []
        for _ in 0..<4 {
            let plan = scheduler.plan(now: .zero, memory: memory)
            positions += plan.spans.map(\.positions)
            stored += plan.spans.filter(scheduler.isBoundary).map(\.positions.upperBound)
            _ = scheduler.commit(plan, finishing: [:])
        }
        #expect(positions == [8..<16, 16..<28, 28..<30, 30..<31])
        #expect(stored == [16, 28])
    }

    @Test("a large request is overtaken a bounded number of times")
    func aging() {
        var scheduler = Scheduler(
            SchedulerLimits(tokensPerStep: 64, maximumRunning: 2, blockRows: 40, positions: 1000))
        var memory = FakeMemory(budget: 100, pageTokens: 1, window: 1)
        var random = SeededGenerator(seed: 1)
        func submit(_ id: Int, prompt: Int) {
            scheduler.submit(ScheduledRequest(id: RequestID(id), promptCount: prompt, maximumTokens: 30))
        }
        submit(0, prompt: 2)
        submit(1, prompt: 60)
        var next = 2
        var largeStarted = false
        for _ in 0..<2000 where !largeStarted {
            while scheduler.waiting.count < 3 {
                submit(next, prompt: 2)
                next += 1
            }
            let plan = scheduler.plan(now: .zero, memory: memory)
            for id in plan.removed { memory.remove(id, leavingHoles: 0) }
            for span in plan.spans { memory.store(span, .keepsAll, &random) }
            largeStarted = plan.spans.contains { $0.id == RequestID(1) }
            for completion in scheduler.commit(plan, finishing: [:]) { memory.remove(completion.id, leavingHoles: 0) }
        }
        #expect(largeStarted)
    }

    @Test("a deadline ends a request whether it runs or waits")
    func deadlines() {
        var scheduler = Scheduler(
            SchedulerLimits(tokensPerStep: 8, maximumRunning: 1, blockRows: 4, positions: 100))
        for id in 0..<2 {
            scheduler.submit(
                ScheduledRequest(id: RequestID(id), promptCount: 2, maximumTokens: 50, deadline: .seconds(5 + id)))
        }
        #expect(scheduler.nextDeadline == .seconds(5))
        let plan = scheduler.plan(now: .seconds(1), memory: Unbounded())
        #expect(plan.spans.map(\.id) == [RequestID(0)])
        _ = scheduler.commit(plan, finishing: [:])
        let late = scheduler.plan(now: .seconds(6), memory: Unbounded())
        #expect(late.completions.map(\.id) == [RequestID(0), RequestID(1)])
        #expect(late.completions.allSatisfy { $0.reason == .deadline })
        #expect(scheduler.isEmpty && late.spans.isEmpty)
    }
}
