public import DMSPolicy

/// The dialects that checkpoints speak: every property of serving, evaluation and training has to hold in each.
public enum Dialect: String, CaseIterable, Sendable {
    /// A borrowed channel that is silenced before the rotation; every token decides about itself.
    case fastdms
    /// A borrowed channel that is silenced on both sides of the rotation, the next token decides, the window excludes
    /// its edge.
    case nvidiaBorrowed
    /// Adapters; the next token decides.
    case nvidiaAdapter

    /// What its checkpoints state.
    ///
    /// - Parameter window: The largest distance at which an evicted token is seen, however it is stated.
    public func configuration(
        window: Int, alphaScale: Float = 100, alphaOffset: Float = 5
    ) throws -> DMSConfiguration {
        let isExclusive = self == .nvidiaBorrowed
        return try DMSConfiguration(
            source: self == .nvidiaAdapter ? .adapter : .borrowedQueryChannel, channel: .last,
            decisionShift: self == .fastdms ? 0 : 1, zeroing: zeroing, windowSize: isExclusive ? window + 1 : window,
            windowInclusive: !isExclusive, alphaScale: alphaScale, alphaOffset: alphaOffset)
    }

    private var zeroing: ChannelZeroing {
        switch self {
        case .fastdms: .beforeRope
        case .nvidiaBorrowed: .beforeAndAfterRope
        case .nvidiaAdapter: .none
        }
    }
}
