/// A named reading of the fields that published checkpoints leave unsaid.
///
/// A profile never supplies the window, the scale or the offset: those are numbers of one checkpoint and must be
/// stated for it.
public struct SemanticsProfile: Sendable, Hashable, CustomStringConvertible {
    /// The name that metadata and command lines give.
    public let name: String
    /// Where the logit comes from.
    public let source: DecisionSource
    /// Which query channel is borrowed.
    public let channel: BorrowedChannel
    /// Token `k + decisionShift` decides for token `k`.
    public let decisionShift: Int
    /// When the borrowed channel is silenced.
    public let zeroing: ChannelZeroing
    /// Whether a query still sees a key that is exactly a window away.
    public let windowInclusive: Bool
    /// The sources of decisions that its own runtimes read, ``source`` among them.
    public let knownSources: [DecisionSource]

    /// The reading of the six published fields of `shisa-ai/Llama-3.2-1B-DMS-8x`, and the default.
    public static let fastdms = SemanticsProfile(
        name: "fastdms", source: .borrowedQueryChannel, channel: .last, decisionShift: 0, zeroing: .beforeRope,
        windowInclusive: true, knownSources: [.borrowedQueryChannel])
    /// The reading of NVIDIA's trainer (Model-Optimizer, `experimental/dms`).
    ///
    /// The next token decides, and the channel is zeroed on both sides of RoPE. Its checkpoints say themselves whether
    /// the gate is an adapter instead.
    public static let nvidia = SemanticsProfile(
        name: "nvidia", source: .borrowedQueryChannel, channel: .last, decisionShift: 1,
        zeroing: .beforeAndAfterRope, windowInclusive: true, knownSources: [.borrowedQueryChannel, .adapter])

    /// Every profile that has a name.
    public static let all: [SemanticsProfile] = [.fastdms, .nvidia]

    /// The profile with this name.
    ///
    /// - Throws: ``PolicyError`` listing the known names.
    public init(named name: String) throws(PolicyError) {
        guard let known = Self.all.first(where: { $0.name == name }) else {
            throw PolicyError(field: "profile", found: "\"\(name)\"", required: listOfNames(Self.all.map(\.name)))
        }
        self = known
    }

    private init(
        name: String, source: DecisionSource, channel: BorrowedChannel, decisionShift: Int, zeroing: ChannelZeroing,
        windowInclusive: Bool, knownSources: [DecisionSource]
    ) {
        self.name = name
        self.source = source
        self.channel = channel
        self.decisionShift = decisionShift
        self.zeroing = zeroing
        self.windowInclusive = windowInclusive
        self.knownSources = knownSources
    }

    public var description: String { name }
}
