/// The hard decision of inference: a raw gate value becomes a logit, and a positive logit evicts.
///
/// Training adds noise to ``logit(raw:)`` and softens it; serving and evaluation threshold it. Nobody else multiplies
/// by `alpha_scale`.
public struct EvictionDecision: Sendable, Hashable {
    /// The factor on the raw value; finite and positive.
    public let alphaScale: Float
    /// Subtracted afterwards; finite.
    ///
    /// A gate whose raw value is 0 keeps as long as this is not negative.
    public let alphaOffset: Float

    /// - Throws: ``PolicyError`` unless the scale is finite and positive and the offset finite.
    public init(alphaScale: Float, alphaOffset: Float) throws(PolicyError) {
        guard alphaScale.isFinite, alphaScale > 0 else {
            throw PolicyError(
                field: "alpha_scale", found: "\(alphaScale)", required: "a finite number above 0 (in 32-bit precision)")
        }
        guard alphaOffset.isFinite else {
            throw PolicyError(
                field: "alpha_offset", found: "\(alphaOffset)", required: "a finite number (in 32-bit precision)")
        }
        self.alphaScale = alphaScale
        self.alphaOffset = alphaOffset
    }

    /// `raw · alphaScale − alphaOffset` in FP32 with two roundings: the product is rounded before the subtraction, so
    /// the result is the same with and without fused multiply-add hardware.
    @inlinable
    public func logit(raw: Float) -> Float {
        let scaled = raw * alphaScale
        return scaled - alphaOffset
    }

    /// Whether the logit is above 0, which evicts; a logit of exactly 0 keeps, and so does NaN.
    @inlinable
    public func evicts(raw: Float) -> Bool {
        logit(raw: raw) > 0
    }
}
