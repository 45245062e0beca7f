import DMSTestSupport
import Testing

@testable import DMSEngine

@Suite("What waits for a reader")
struct StreamBufferTests {
    private struct Failure: Error {}

    private static func token(_ id: Int32) -> GenerationEvent {
        .token(GeneratedToken(id: id, text: "", logProbabilities: nil))
    }

    private static func ids(_ events: [GenerationEvent]) -> [Int32] {
        events.compactMap { event in
            if case .token(let token) = event { token.id } else { nil }
        }
    }

    @Test("one at a time, some, or all there is; in order, and an error after everything")
    func batches() async throws {
        let buffer = StreamBuffer(limit: 100)
        for id in 0..<6 { #expect(!buffer.push(Self.token(Int32(id)))) }
        buffer.fail(Failure())
        #expect(Self.ids(try await buffer.next(atMost: 1) {}) == [0])
        #expect(Self.ids(try await buffer.next(atMost: 2) {}) == [1, 2])
        #expect(Self.ids(try await buffer.next(atMost: .max) {}) == [3, 4, 5])
        await #expect(throws: Failure.self) { try await buffer.next(atMost: .max) {} }
        #expect(try await buffer.next(atMost: .max) {}.isEmpty)
    }

    @Test("what was paused stays so when more is pushed before half was read, and goes on afterwards")
    func pausedTwice() async throws {
        let buffer = StreamBuffer(limit: 8)
        for id in Int32(0)..<8 { #expect(buffer.push(Self.token(id)) == (id == 7)) }
        var calls = 0
        _ = try await buffer.next(atMost: 2) { calls += 1 }
        #expect(calls == 0)
        // A step may push twice, and this one leaves fewer than are enough.
        #expect(buffer.push(Self.token(8)))
        _ = try await buffer.next(atMost: .max) { calls += 1 }
        #expect(calls == 1)
        #expect(!buffer.push(Self.token(9)))
    }

    @Test("the engine is told to pause when enough waits, and once to go on when half of it was read")
    func pausing() async throws {
        let buffer = StreamBuffer(limit: 4)
        #expect((0..<5).map { buffer.push(Self.token($0)) } == [false, false, false, true, true])
        var calls = 0
        for left in stride(from: 4, through: 0, by: -1) {
            _ = try await buffer.next(atMost: 1) { calls += 1 }
            #expect(calls == (left <= 2 ? 1 : 0))
        }
        #expect((0..<4).map { buffer.push(Self.token($0)) } == [false, false, false, true])
        #expect(try await buffer.next(atMost: .max) { calls += 1 }.count == 4)
        #expect(calls == 2)
    }

    @Test("a reader that waits is woken by an event, by the end, and by leaving")
    func waiting() async throws {
        let buffer = StreamBuffer(limit: 4)
        let reader = Task {
            var all: [Int32] = []
            while case let events = try await buffer.next(atMost: .max, onRoom: {}), !events.isEmpty {
                all += Self.ids(events)
            }
            return all
        }
        for id in 0..<50 {
            _ = buffer.push(Self.token(Int32(id)))
            if id % 7 == 0 { try await Task.sleep(for: .milliseconds(1)) }
        }
        buffer.finish(Self.token(50))
        #expect(try await reader.value == Array(0...50))

        // One who waits for an event is not behind with it.
        let narrow = StreamBuffer(limit: 1)
        let prompt = Task { try await narrow.next(atMost: .max) {} }
        try await Task.sleep(for: .milliseconds(20))
        #expect(!narrow.push(Self.token(7)))
        #expect(Self.ids(try await prompt.value) == [7])
        #expect(narrow.push(Self.token(8)))

        let abandoned = StreamBuffer(limit: 4)
        let late = Task { try await abandoned.next(atMost: .max) {} }
        try await Task.sleep(for: .milliseconds(5))
        abandoned.abandon()
        await #expect(throws: CancellationError.self) { try await late.value }
    }
}
