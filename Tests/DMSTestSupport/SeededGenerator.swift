/// SplitMix64 (Steele, Lea and Flood 2014): small, seeded, the same everywhere.
public struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    // The standard library's generic draws take most of the time of a test in a debug build.

    /// Uniform on -1 ..< 1, a multiple of 2⁻²³.
    public mutating func signed() -> Float { Float(next() >> 40) * 0x1p-23 - 1 }

    /// Approximately normal: the sum of twelve uniforms of 16 bits.
    public mutating func normal() -> Float {
        var sum = fourths(next())
        sum += fourths(next())
        sum += fourths(next())
        return (Float(sum) + 6) * 0x1p-16 - 6
    }

    private func fourths(_ word: UInt64) -> UInt64 {
        (word & 0xFFFF) + (word >> 16 & 0xFFFF) + (word >> 32 & 0xFFFF) + word >> 48
    }
}
