/// The same function, stated in another way: exact, or refused.
extension DMSConfiguration {
    /// What a profile's own runtimes, which know none of our fields, have to be told to compute the same function.
    ///
    /// Only the window can be restated: `w` with its edge is `w + 1` without. Who decides and when a channel is silenced
    /// are parts of the function.
    ///
    /// - Throws: ``PolicyError`` for the first field in which the profile computes something else.
    public func restated(in profile: SemanticsProfile, headDimension: Int) throws(PolicyError) -> DMSConfiguration {
        guard decisionShift == profile.decisionShift else {
            throw PolicyError(
                field: "decision_shift", found: "\(decisionShift)",
                required:
                    "\(profile.decisionShift) in profile \(profile): a gate would have to tell from one token what "
                    + "it was trained to tell from its neighbour")
        }
        guard profile.knownSources.contains(source) else {
            throw PolicyError(
                field: "decision_source", found: "\"\(source)\"",
                required: listOfNames(profile.knownSources.map(\.name)) + " in profile \(profile)")
        }
        var channel = channel
        if source == .borrowedQueryChannel {
            guard zeroing == profile.zeroing else {
                throw PolicyError(
                    field: "zero_channel", found: "\"\(zeroing)\"",
                    required:
                        "\"\(profile.zeroing)\" in profile \(profile): what the rotation puts back into the channel "
                        + "takes part in attention in one of them and not in the other")
            }
            let own = try channel.resolved(headDimension: headDimension)
            let wanted = try profile.channel.resolved(headDimension: headDimension)
            guard own == wanted else {
                throw PolicyError(
                    field: "channel", found: "\(own)", required: "\(wanted), the one that profile \(profile) reads")
            }
            channel = profile.channel
        }
        return try DMSConfiguration(
            source: source, channel: channel, decisionShift: decisionShift, zeroing: zeroing,
            windowSize: profile.windowInclusive ? rule.window : rule.window + 1,
            windowInclusive: profile.windowInclusive, alphaScale: alphaScale, alphaOffset: alphaOffset)
    }

    /// The same with adapters in place of borrowed channels: an adapter with the layer's own attention norm, and the
    /// borrowed rows for its projection, reads what the channels read.
    ///
    /// Where the channel is silenced before the rotation, its rows must then be 0 in the query projection
    /// (``adaptersSilenceRows``), which comes to the same.
    ///
    /// - Throws: ``PolicyError`` where the channel is silenced after the rotation, too: no query projection does that.
    public func withAdapters() throws(PolicyError) -> DMSConfiguration {
        guard source == .borrowedQueryChannel else {
            throw PolicyError(
                field: "decision_source", found: "\"\(source)\"", required: "\"\(DecisionSource.borrowedQueryChannel)\""
            )
        }
        guard !zeroing.zeroesAfterRope else {
            throw PolicyError(
                field: "zero_channel", found: "\"\(zeroing)\"",
                required:
                    "\"none\" or \"before_rope\": without a borrowed channel nothing is silenced after the rotation")
        }
        return try DMSConfiguration(
            source: .adapter, channel: .last, decisionShift: decisionShift, zeroing: .none, windowSize: windowSize,
            windowInclusive: windowInclusive, alphaScale: alphaScale, alphaOffset: alphaOffset)
    }

    /// Whether ``withAdapters()`` asks for borrowed rows of 0.
    public var adaptersSilenceRows: Bool { source == .borrowedQueryChannel && zeroing.zeroesBeforeRope }
}
