/// When a request that failed is made again.
public struct RetrySchedule: Sendable, Equatable {
    /// Failures in a row after which it is given up.
    public var failures: Int
    /// Failures in a row when nothing was ever reached: a wrong address should not take a minute to say so.
    public var connectionFailures: Int
    /// The pause after the first failure; each further one doubles it.
    public var first: Duration
    /// The longest pause.
    public var longest: Duration
    /// The longest pause that a server may ask for.
    public var longestAsked: Duration

    /// A schedule; the defaults pause for a minute and a half in all.
    public init(
        failures: Int = 8, connectionFailures: Int = 3, first: Duration = .seconds(1), longest: Duration = .seconds(30),
        longestAsked: Duration = .seconds(120)
    ) {
        self.failures = failures
        self.connectionFailures = connectionFailures
        self.first = first
        self.longest = longest
        self.longestAsked = longestAsked
    }

    /// The pause before the next try; `nil` to give up.
    ///
    /// - Parameters:
    ///   - failures: Failures in a row so far, at least one.
    ///   - isConnection: Whether nothing was ever reached.
    ///   - asked: The pause that the server asked for. A longer one than ``longestAsked`` is no use to wait for.
    ///   - jitter: From 0 to 1: spreads the pauses of many clients by a quarter either way.
    public func pause(
        after failures: Int, isConnection: Bool = false, asked: Duration? = nil, jitter: Double
    ) -> Duration? {
        guard failures < (isConnection ? connectionFailures : self.failures) else { return nil }
        if let asked, asked > longestAsked { return nil }
        var pause = first
        for _ in 1..<max(1, min(failures, 32)) where pause < longest { pause = pause * 2 }
        pause = min(pause, longest) * (0.75 + 0.5 * jitter)
        return max(pause, asked ?? .zero)
    }

    /// The pause that a `Retry-After` header asks for; dates are not understood and count as none.
    static func asked(_ header: String?) -> Duration? {
        guard let header, let seconds = Int(header.filter { $0 != " " }), (0...1 << 30).contains(seconds) else {
            return nil
        }
        return .seconds(seconds)
    }

    /// Whether a status may be another one a moment later.
    static func isWorthRetrying(_ status: Int) -> Bool {
        [408, 425, 429].contains(status) || (500...599).contains(status) && status != 501
    }
}
