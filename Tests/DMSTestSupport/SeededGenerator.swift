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

    /// Uniform on -1 ..< 1.
    public mutating func signed() -> Float { Float.random(in: -1..<1, using: &self) }

    /// Approximately normal: the sum of twelve uniforms.
    public mutating func normal() -> Float {
        (0..<12).reduce(Float(-6)) { sum, _ in sum + Float.random(in: 0..<1, using: &self) }
    }
}
