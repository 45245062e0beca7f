/// When the borrowed query channel is set to 0, after the gate has read it.
///
/// With rotate-half RoPE, channels `c` and `c − d/2` are rotated into each other, so zeroing only before RoPE lets
/// the partner channel refill the borrowed one. The choices compute different attention scores.
public struct ChannelZeroing: Sendable, Hashable, CustomStringConvertible {
    /// The name in metadata files.
    public let name: String
    /// Whether the channel is 0 when RoPE is applied.
    public let zeroesBeforeRope: Bool
    /// Whether the channel is 0 in the attention scores whatever RoPE put there.
    public let zeroesAfterRope: Bool

    /// Never: the gate's own value takes part in attention.
    public static let none = ChannelZeroing(name: "none", zeroesBeforeRope: false, zeroesAfterRope: false)
    /// Once, before RoPE.
    public static let beforeRope = ChannelZeroing(
        name: "before_rope", zeroesBeforeRope: true, zeroesAfterRope: false)
    /// Before RoPE and again after it.
    public static let beforeAndAfterRope = ChannelZeroing(
        name: "before_and_after_rope", zeroesBeforeRope: true, zeroesAfterRope: true)

    /// Every treatment that has a name.
    public static let all: [ChannelZeroing] = [.none, .beforeRope, .beforeAndAfterRope]

    /// The treatment that metadata files call `name`, or `nil`.
    public init?(metadata name: String) {
        guard let known = Self.all.first(where: { $0.name == name }) else { return nil }
        self = known
    }

    /// The treatment that metadata files call `name`.
    ///
    /// - Throws: ``PolicyError`` listing the known names.
    public init(named name: String) throws(PolicyError) {
        guard let known = Self(metadata: name) else {
            throw PolicyError(
                field: "zero_channel", found: "\"\(name)\"", required: listOfNames(Self.all.map(\.name)))
        }
        self = known
    }

    private init(name: String, zeroesBeforeRope: Bool, zeroesAfterRope: Bool) {
        self.name = name
        self.zeroesBeforeRope = zeroesBeforeRope
        self.zeroesAfterRope = zeroesAfterRope
    }

    public var description: String { name }
}
