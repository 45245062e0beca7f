import DMSEngine
import Synchronization

/// What the server itself counts; the engine counts the rest.
final class ServerMetrics: Sendable {
    struct Values: Sendable, Hashable {
        /// By endpoint, a route of this server and never a path that a client made up, and by status.
        var requests: [String: [Int: Int]] = [:]
        var queueTime = Histogram(bounds: ServerMetrics.longBounds)
        var timeToFirstToken = Histogram(bounds: ServerMetrics.longBounds)
        var timePerToken = Histogram(
            bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5])
        var generationTime = Histogram(bounds: ServerMetrics.longBounds)
    }

    private static let longBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

    private let state = Mutex(Values())

    var values: Values { state.withLock { $0 } }

    func noteResponse(endpoint: String, status: Int) {
        state.withLock { $0.requests[endpoint, default: [:]][status, default: 0] += 1 }
    }

    func noteEnd(_ summary: GenerationSummary) {
        state.withLock { values in
            if let queue = summary.queueSeconds { values.queueTime.observe(queue) }
            values.generationTime.observe(summary.totalSeconds)
            guard let first = summary.firstTokenSeconds else { return }
            values.timeToFirstToken.observe(first)
            guard summary.generatedTokens > 1 else { return }
            values.timePerToken.observe((summary.totalSeconds - first) / Double(summary.generatedTokens - 1))
        }
    }
}
