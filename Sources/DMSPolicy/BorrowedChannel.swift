/// Which channel of the first query head of each KV group is the gate.
public struct BorrowedChannel: Sendable, Hashable, CustomStringConvertible {
    /// The channel counted from 0, or `nil` for the last one.
    public let index: Int?

    /// The last channel of a head, whatever the head dimension.
    public static let last = BorrowedChannel(unchecked: nil)

    /// The channel with this index, counted from 0.
    ///
    /// - Throws: ``PolicyError`` for a negative index. Whether it lies inside a head is known only once there is a
    ///   model: see ``resolved(headDimension:)``.
    public init(index: Int) throws(PolicyError) {
        guard index >= 0 else {
            throw PolicyError(field: "channel", found: "\(index)", required: "\"last\" or an index counted from 0")
        }
        self.init(unchecked: index)
    }

    private init(unchecked index: Int?) { self.index = index }

    /// The channel as an index into a head of `headDimension` channels.
    ///
    /// - Throws: ``PolicyError`` where the head has no such channel.
    public func resolved(headDimension: Int) throws(PolicyError) -> Int {
        let channel = index ?? headDimension - 1
        guard (0..<max(0, headDimension)).contains(channel) else {
            throw PolicyError(
                field: "channel", found: description,
                required: "below the head dimension, which is \(headDimension)")
        }
        return channel
    }

    public var description: String { index.map(String.init) ?? "last" }
}
