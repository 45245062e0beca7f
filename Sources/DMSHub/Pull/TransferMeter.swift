/// How fast bytes come, and how long the rest will take: a mean over the last seconds, so that a pause is seen.
public struct TransferMeter: Sendable {
    /// Seconds after which a speed has mostly been forgotten.
    private static let memory = 3.0

    private var lastTime = 0.0
    private var pendingBytes = 0
    /// In bytes per second; `nil` before there is one.
    public private(set) var rate: Double?

    /// A meter to which nothing has come yet.
    public init() {}

    /// Notes bytes that have arrived.
    ///
    /// - Parameter time: Seconds since the beginning; it never goes back.
    public mutating func add(_ bytes: Int, at time: Double) {
        pendingBytes += bytes
        let passed = time - lastTime
        // Shorter spans say more about buffers than about the network.
        guard passed >= 0.1 else { return }
        let current = Double(pendingBytes) / passed
        let weight = min(1, passed / Self.memory)
        rate = rate.map { $0 + (current - $0) * weight } ?? current
        lastTime = time
        pendingBytes = 0
    }

    /// The time that so many bytes will take; `nil` where nothing comes.
    public func seconds(for bytes: Int) -> Double? {
        rate.flatMap { $0 > 0 ? Double(max(0, bytes)) / $0 : nil }
    }
}
