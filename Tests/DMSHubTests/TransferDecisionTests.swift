import DMSTestSupport
import Testing

@testable import DMSHub

@Suite("Resuming and trying again, decided without a network")
struct TransferDecisionTests {
    @Test("what is done with an answer")
    func reaction() {
        func reaction(_ status: Int, _ range: String? = nil, length: Int? = nil, offset: Int) -> ResumePlan.Reaction {
            ResumePlan.reaction(status: status, contentRange: range, contentLength: length, offset: offset, size: 10)
        }
        #expect(reaction(200, offset: 0) == .append)
        #expect(reaction(200, length: 10, offset: 0) == .append)
        #expect(reaction(200, length: 10, offset: 4) == .restart)
        #expect(reaction(206, "bytes 4-9/10", length: 6, offset: 4) == .append)
        #expect(reaction(206, "bytes 4-7/10", offset: 4) == .append)
        #expect(reaction(206, "bytes 4-9/*", offset: 4) == .append)
        #expect(reaction(206, "bytes 0-9/10", offset: 4) == .discard)
        #expect(reaction(206, "bytes 5-9/10", offset: 4) == .discard)
        #expect(reaction(206, "bytes 4-10/*", offset: 4) == .discard)
        #expect(reaction(416, offset: 4) == .discard)
        for (status, range, length) in [
            (206, "bytes 4-9/11", nil), (206, nil, nil), (206, "4-9/10", nil), (206, "bytes 9-4/10", nil),
            (206, "bytes -4-9/10", nil), (206, "bytes 4-99999999999999999999/*", nil), (200, nil, 9), (200, nil, 11),
        ] as [(Int, String?, Int?)] {
            guard case .refuse = reaction(status, range, length: length, offset: 4) else {
                Issue.record("\(status) \(range ?? "-") \(length ?? -1) is not refused")
                continue
            }
        }
    }

    @Test("pauses double up to the longest, and end")
    func pauses() {
        let schedule = RetrySchedule(failures: 8, connectionFailures: 3)
        let pauses = (1...8).map { schedule.pause(after: $0, jitter: 0.5) }
        #expect(pauses == [1, 2, 4, 8, 16, 30, 30].map { .seconds($0) } + [nil])
        #expect(schedule.pause(after: 3, isConnection: true, jitter: 0.5) == nil)
        #expect(schedule.pause(after: 1, jitter: 0) == .milliseconds(750))
        #expect(schedule.pause(after: 1, jitter: 1) == .milliseconds(1250))
    }

    @Test("a server may ask for a longer pause, within bounds")
    func askedPauses() {
        let schedule = RetrySchedule()
        #expect(schedule.pause(after: 1, asked: .seconds(7), jitter: 0.5) == .seconds(7))
        #expect(schedule.pause(after: 1, asked: .zero, jitter: 0.5) == .seconds(1))
        #expect(schedule.pause(after: 1, asked: .seconds(120), jitter: 0.5) == .seconds(120))
        #expect(schedule.pause(after: 1, asked: .seconds(121), jitter: 0.5) == nil)
        #expect(RetrySchedule.asked("30") == .seconds(30))
        for header in [nil, "", "-1", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "99999999999999999999"] {
            #expect(RetrySchedule.asked(header) == nil)
        }
    }

    @Test("which statuses are tried again")
    func statuses() {
        for status in [408, 425, 429, 500, 502, 503, 504, 520] { #expect(RetrySchedule.isWorthRetrying(status)) }
        for status in [200, 301, 400, 401, 403, 404, 410, 416, 501] { #expect(!RetrySchedule.isWorthRetrying(status)) }
    }

    @Test("speed and time left")
    func meter() throws {
        var meter = TransferMeter()
        #expect(meter.rate == nil)
        #expect(meter.seconds(for: 10) == nil)
        for step in 1...50 { meter.add(100, at: Double(step) / 10) }
        #expect(abs(try #require(meter.rate) - 1000) < 1)
        #expect(abs(try #require(meter.seconds(for: 5000)) - 5) < 0.01)
        // A pause is seen at once.
        meter.add(1, at: 20)
        #expect(try #require(meter.rate) < 10)
    }
}
