public import DMSTensor

/// Where things lie in a page: keys and values of one KV head for a block of tokens.
///
///     keys [slots][d] · values [slots][d] · key scales [slots] · value scales [slots]      scales: FP8 and INT8 only
///
/// The size is rounded up to 64 bytes, so that every page starts at a cache line.
public struct KVPageLayout: Sendable, Hashable {
    /// Channels of a head.
    public let headDimension: Int
    /// The element type of keys and values.
    public let type: ScalarType
    /// Tokens that a page holds, a power of two.
    public let slotsPerPage: Int
    /// Bytes of a page.
    public let byteCount: Int
    let slotShift: Int
    let rowBytes: Int
    let valueOffset: Int
    let keyScaleOffset: Int
    let valueScaleOffset: Int

    /// The layout of pages with so many tokens of one head.
    public init(headDimension: Int, type: ScalarType, slotsPerPage: Int) {
        precondition(headDimension > 0, "pages of a head without channels")
        precondition(
            slotsPerPage > 0 && slotsPerPage & (slotsPerPage - 1) == 0,
            "\(slotsPerPage) slots per page: required a power of two")
        self.headDimension = headDimension
        self.type = type
        self.slotsPerPage = slotsPerPage
        slotShift = slotsPerPage.trailingZeroBitCount
        rowBytes = headDimension * type.byteCount
        valueOffset = slotsPerPage * rowBytes
        // Rows of FP8 and INT8 may end at any byte; scales are read as FP32.
        keyScaleOffset = roundUp(2 * valueOffset, to: 4)
        let scaleBytes = type.isScaled ? slotsPerPage * 4 : 0
        valueScaleOffset = keyScaleOffset + scaleBytes
        byteCount = roundUp(valueScaleOffset + scaleBytes, to: 64)
    }

    /// Bytes of one token's key and value, scales included: what a live token costs before any slack.
    public var bytesPerToken: Int { 2 * rowBytes + (type.isScaled ? 8 : 0) }

    /// Pages that hold `slots` slots.
    public func pageCount(slots: Int) -> Int { (slots + slotsPerPage - 1) >> slotShift }
}

/// The next multiple, which must not be 0.
func roundUp(_ value: Int, to multiple: Int) -> Int { (value + multiple - 1) / multiple * multiple }
