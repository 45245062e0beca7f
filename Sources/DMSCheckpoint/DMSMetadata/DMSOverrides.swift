public import DMSPolicy

/// Values to be used in place of what a checkpoint's files state, field by field.
///
/// A profile given here replaces every semantic field of the files, so that a wrongly labelled checkpoint can be read
/// in another way, except for the source of the decision: that is a matter of which tensors there are. Fields given
/// here in turn replace those of the profile.
public struct DMSOverrides: Sendable, Hashable {
    /// In place of the named profile.
    public var profile: SemanticsProfile?
    /// In place of `decision_source`.
    public var source: DecisionSource?
    /// In place of `channel`.
    public var channel: BorrowedChannel?
    /// In place of `decision_shift`.
    public var decisionShift: Int?
    /// In place of `zero_channel`.
    public var zeroing: ChannelZeroing?
    /// In place of `window_size`.
    public var windowSize: Int?
    /// In place of `window_inclusive`.
    public var windowInclusive: Bool?
    /// In place of `alpha_scale`.
    public var alphaScale: Float?
    /// In place of `alpha_offset`.
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
