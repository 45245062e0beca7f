/// The three compression ratios of DMS.
///
/// They are different quantities: report them side by side, under these names, and never multiply one by another or by
/// a change of dtype.
///
/// A ratio is `nil` where it does not exist: nothing was counted, or the denominator is 0.
public struct CompressionRatios: Sendable, Hashable {
    /// `1 / (1 − evicted decisions / all decisions)`: what the gates *asked for*.
    ///
    /// Called "effective compression" on published cards. It says nothing about memory, because an evicted token
    /// still lives for the length of the window.
    public var decisionRatio: Double?
    /// Token·heads seen / token·heads stored, both summed over all steps: the ratio averaged over the run.
    public var meanLiveRatio: Double?
    /// Token·heads seen / token·heads stored after the last step of each run.
    public var finalLiveRatio: Double?
    /// Most token·heads ever seen / most token·heads ever stored at one step: what a fixed amount of memory buys.
    public var peakLiveRatio: Double?
    /// Bytes that a dense cache *of the same dtype* would hold / bytes that the allocator really holds, with its
    /// pages, rings, tables and slack.
    public var byteRatio: Double?

    /// The ratios as they were measured; `nil` for what was not.
    public init(
        decisionRatio: Double? = nil, meanLiveRatio: Double? = nil, finalLiveRatio: Double? = nil,
        peakLiveRatio: Double? = nil, byteRatio: Double? = nil
    ) {
        self.decisionRatio = decisionRatio
        self.meanLiveRatio = meanLiveRatio
        self.finalLiveRatio = finalLiveRatio
        self.peakLiveRatio = peakLiveRatio
        self.byteRatio = byteRatio
    }

    /// `part / whole`, or `nil` where `whole` is 0.
    static func quotient(_ part: Int, _ whole: Int) -> Double? {
        whole > 0 ? Double(part) / Double(whole) : nil
    }
}
