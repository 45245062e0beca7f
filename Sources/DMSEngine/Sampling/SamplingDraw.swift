/// Random numbers that depend on the seed and the step alone: no state, so that a step drawn again, after preemption
/// or in another batch, gives the same token.
///
/// Two rounds of the SplitMix64 output function (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number
/// Generators", OOPSLA 2014): the seed is mixed first, so that neighbouring seeds are not shifts of one stream.
public struct SamplingDraw: Sendable {
    private let key: UInt64

    /// The draws of a seed.
    public init(seed: UInt64) { key = Self.mixed(seed &+ Self.increment) }

    /// 64 random bits for a step.
    public func bits(step: Int) -> UInt64 {
        Self.mixed(key &+ (UInt64(truncatingIfNeeded: step) &+ 1) &* Self.increment)
    }

    /// Uniform in 0 ..< 1, a multiple of 2⁻⁵³.
    public func uniform(step: Int) -> Double { Double(bits(step: step) >> 11) * 0x1p-53 }

    private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

    private static func mixed(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
