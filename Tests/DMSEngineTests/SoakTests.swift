import DMSModel
import DMSTestSupport
import Testing

@testable import DMSEngine

/// Many consumers at once, most of whom misbehave.
@Suite("Soak")
struct SoakTests {
    private enum Consumer: CaseIterable { case reads, dawdles, leaves, isCancelled, cancels, expires }

    /// - Returns: What there is to compare; `nil` for consumers that do not read to the end.
    private static func consume(
        _ consumer: Consumer, _ engine: Engine, _ request: GenerationRequest, seed: UInt64
    ) async throws -> Serving.Outcome? {
        var random = SeededGenerator(seed: seed)
        let some = Int.random(in: 0..<12, using: &random)
        switch consumer {
        case .reads: return Serving.Outcome(try await engine.submit(request).collect())
        case .dawdles:
            let stream = try engine.submit(request)
            try await Task.sleep(for: .milliseconds(some * 20))
            return Serving.Outcome(try await stream.collect())
        case .leaves:
            var iterator = try engine.submit(request).makeAsyncIterator()
            for _ in 0..<some { _ = try await iterator.next() }
        case .isCancelled:
            let stream = try engine.submit(request)
            let task = Task { try await stream.collect() }
            try await Task.sleep(for: .milliseconds(some))
            task.cancel()
            _ = try? await task.value
        case .cancels:
            let stream = try engine.submit(request)
            try await Task.sleep(for: .milliseconds(some))
            stream.cancel()
            let reason = try await stream.collect().summary.reason
            #expect(reason == .cancelled || reason == .length)
        case .expires:
            let limited = try GenerationRequest(
                prompt: request.prompt, maximumTokens: 3000, timeLimit: .milliseconds(1 + some))
            #expect(try await engine.submit(limited).collect().summary.reason == .deadline)
        }
        return nil
    }

    @Test("readers get all, leavers leave nothing behind", arguments: [nil, 60_000])
    func misbehaviour(budget: Int?) async throws {
        let model = try Serving.model()
        let requests = try Serving.requests(10, tokens: 30)
        let expected = try await Serving.alone(model, requests)
        let plain = try Serving.configuration(buffered: 4)
        let configuration = try Serving.configuration(
            budget: budget.map { $0 + Serving.workspaceBytes(model, plain) }, buffered: 4, guaranteed: false)
        let engine = try Engine(model, configuration: configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in 0..<120 {
                let index = client % requests.count
                let consumer = Consumer.allCases[client / 3 % Consumer.allCases.count]
                group.addTask {
                    let found = try await Self.consume(consumer, engine, requests[index], seed: UInt64(client))
                    if let found { #expect(found == expected[index], "client \(client)") }
                }
            }
            try await group.waitForAll()
        }
        await engine.shutDown(gracePeriod: .seconds(60))
        let statistics = engine.statistics
        #expect(statistics.finished.values.reduce(statistics.failed, +) == 120)
        #expect(statistics.failed == 0)
        #expect(statistics.pagesInUse == 0 && statistics.running == 0 && statistics.waiting == 0)
        if let budget { #expect(statistics.peakAllocatedBytes <= budget) }
    }
}
