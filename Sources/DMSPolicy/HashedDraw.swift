/// Random numbers that are a hash of where they are used: no state, so the order of the draws does not matter and every
/// machine gets the same.
package struct HashedDraw: Sendable, Hashable {
    private var state: UInt64

    package init(seed: UInt64) { state = SplitMix64.mixed(seed) }

    /// The draw of a place within the places before it.
    package func at(_ place: Int) -> HashedDraw {
        var next = self
        next.state = SplitMix64.mixed(state ^ UInt64(place))
        return next
    }

    /// Uniform in `[0, 1)`, a multiple of 2⁻⁵³.
    package var uniform: Double { Double(state >> 11) * 0x1p-53 }

    /// Uniform in `(0, 1)`, so that logarithms of it and of its complement exist.
    package var openUniform: Double { (Double(state >> 12) + 0.5) * 0x1p-52 }
}
