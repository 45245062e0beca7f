/// Random numbers that are a hash of where they are used: no state, so the order of the draws does not matter and every
/// machine gets the same.
package struct HashedDraw: Sendable, Hashable {
    private var state: UInt64

    package init(seed: UInt64) { state = Self.mix(seed) }

    /// The draw of a place within the places before it.
    package func at(_ place: Int) -> HashedDraw {
        var next = self
        next.state = Self.mix(state ^ UInt64(place))
        return next
    }

    /// Uniform in `[0, 1)`, a multiple of 2⁻⁵³.
    package var uniform: Double { Double(state >> 11) * 0x1p-53 }

    /// Uniform in `(0, 1)`, so that logarithms of it and of its complement exist.
    package var openUniform: Double { (Double(state >> 12) + 0.5) * 0x1p-52 }

    /// One step of SplitMix64 (Steele, Lea, Flood 2014): the golden-ratio increment and its finaliser.
    private static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
