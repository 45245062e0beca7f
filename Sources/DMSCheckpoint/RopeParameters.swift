#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// How rotary position embedding turns the channels of a head.
public struct RopeParameters: Equatable, Sendable {
    /// The base of the frequencies (`rope_theta`; 10000 when absent).
    ///
    /// At least 1.
    public let theta: Double
    /// How long contexts are reached.
    public let scaling: RopeScaling

    init(theta: Double, scaling: RopeScaling) {
        self.theta = theta
        self.scaling = scaling
    }

    /// The angle per position of each channel pair: pair `i` of a head turns by `position * frequencies[i]` radians.
    ///
    /// Channel `i` is paired with channel `i + headDimension / 2`. The arithmetic is 32-bit and in the order of the
    /// Transformers library, so that both agree to rounding.
    ///
    /// - Parameter headDimension: Channels of one head, even.
    /// - Returns: `headDimension / 2` frequencies in radians per position, falling.
    public func inverseFrequencies(headDimension: Int) -> [Float] {
        precondition(headDimension > 0 && headDimension % 2 == 0, "a head has an even number of channels")
        return (0..<headDimension / 2).map { pair in
            let exponent = Float(2 * pair) / Float(headDimension)
            return scaling.scaled(1 / Float(pow(Double(Float(theta)), Double(exponent))))
        }
    }
}
