public import DMSPolicy

/// Values to be used in place of what a checkpoint's files state, field by field.
///
/// A profile given here replaces every semantic field of the files, so that a wrongly labelled checkpoint can be read
/// in another way, except for the source of the decision: that is a matter of which tensors there are. Fields given
/// here in turn replace those of the profile.
public struct DMSOverrides: Sendable, Hashable {
    public var profile: SemanticsProfile?
    public var source: DecisionSource?
    public var channel: BorrowedChannel?
    public var decisionShift: Int?
    public var zeroing: ChannelZeroing?
    public var windowSize: Int?
    public var windowInclusive: Bool?
    public var alphaScale: Float?
    public var alphaOffset: Float?

    /// Overrides nothing, except for what is given.
    public init(
        profile: SemanticsProfile? = nil, source: DecisionSource? = nil, channel: BorrowedChannel? = nil,
        decisionShift: Int? = nil, zeroing: ChannelZeroing? = nil, windowSize: Int? = nil,
        windowInclusive: Bool? = nil, alphaScale: Float? = nil, alphaOffset: Float? = nil
    ) {
        self.profile = profile
        self.source = source
        self.channel = channel
        self.decisionShift = decisionShift
        self.zeroing = zeroing
        self.windowSize = windowSize
        self.windowInclusive = windowInclusive
        self.alphaScale = alphaScale
        self.alphaOffset = alphaOffset
    }

    /// Whether nothing is overridden.
    public var isEmpty: Bool { self == DMSOverrides() }
}
