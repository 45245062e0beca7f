/// Everything that a checkpoint has to state before its DMS decisions and its attention mean something.
///
/// Every value was checked when it was built. Values come from metadata files (`DMSMetadata` in `DMSCheckpoint`) or
/// from a ``SemanticsProfile`` completed with the numbers that a profile never supplies.
public struct DMSConfiguration: Sendable, Hashable {
    /// Where the raw gate value comes from.
    public let source: DecisionSource
    /// The gate channel; without meaning for ``DecisionSource/adapter``.
    public let channel: BorrowedChannel
    /// Token `k + decisionShift` decides for token `k`: 0 or 1.
    public let decisionShift: Int
    /// When the gate channel is set to 0; always ``ChannelZeroing/none`` for ``DecisionSource/adapter``.
    public let zeroing: ChannelZeroing
    /// The window as the file states it; use ``rule``, which knows whether that number is inclusive.
    public let windowSize: Int
    /// Whether a key at distance `windowSize` is still seen.
    public let windowInclusive: Bool
    /// What a raw value is multiplied by, as files state it.
    public let alphaScale: Float
    /// What is then subtracted, as files state it.
    public let alphaOffset: Float

    /// Which keys a query may see.
    public let rule: RetentionRule
    /// Which raw values evict.
    public let decision: EvictionDecision
    /// Whose decision applies to which key.
    public let assembly: DecisionAssembly

    /// - Throws: ``PolicyError`` for a shift other than 0 or 1, a window outside `0…2³¹ − 1`, an exclusive window of 0
    ///   (which would hide a token from itself), a scale that is not finite and positive, an offset that is not finite,
    ///   and an adapter together with a zeroed channel (an adapter borrows none).
    public init(
        source: DecisionSource, channel: BorrowedChannel, decisionShift: Int, zeroing: ChannelZeroing,
        windowSize: Int, windowInclusive: Bool, alphaScale: Float, alphaOffset: Float
    ) throws(PolicyError) {
        assembly = try DecisionAssembly(shift: decisionShift)
        decision = try EvictionDecision(alphaScale: alphaScale, alphaOffset: alphaOffset)
        let stated = try RetentionRule(window: windowSize)
        if windowInclusive {
            rule = stated
        } else {
            guard windowSize > 0 else {
                throw PolicyError(
                    field: "window_size", found: "0 with window_inclusive false",
                    required: "at least 1, because a token always sees itself")
            }
            rule = try RetentionRule(window: windowSize - 1)
        }
        guard source != .adapter || zeroing == .none else {
            throw PolicyError(
                field: "zero_channel", found: "\"\(zeroing)\" with decision_source \"adapter\"",
                required: "\"none\", because an adapter borrows no channel")
        }
        self.source = source
        self.channel = channel
        self.decisionShift = decisionShift
        self.zeroing = zeroing
        self.windowSize = windowSize
        self.windowInclusive = windowInclusive
        self.alphaScale = alphaScale
        self.alphaOffset = alphaOffset
    }

    /// A profile completed with the numbers that only a file or a command can state.
    ///
    /// - Throws: ``PolicyError`` as the memberwise initialiser does.
    public init(
        profile: SemanticsProfile, windowSize: Int, alphaScale: Float, alphaOffset: Float
    ) throws(PolicyError) {
        try self.init(
            source: profile.source, channel: profile.channel, decisionShift: profile.decisionShift,
            zeroing: profile.zeroing, windowSize: windowSize, windowInclusive: profile.windowInclusive,
            alphaScale: alphaScale, alphaOffset: alphaOffset)
    }
}
