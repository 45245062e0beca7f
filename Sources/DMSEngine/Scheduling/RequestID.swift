/// Names a request of an engine; later requests have larger numbers, and none is used twice.
public struct RequestID: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Also the number of the request's sequence in the cache.
    public let rawValue: Int

    init(_ rawValue: Int) { self.rawValue = rawValue }

    public var description: String { "request \(rawValue)" }

    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
