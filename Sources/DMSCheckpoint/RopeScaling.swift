import DMSJSON

/// How the frequencies of rotary position embedding are changed for contexts longer than those first trained on.
public enum RopeScaling: Equatable, Sendable {
    /// Frequencies as they are.
    case none
    /// Every frequency is divided by `factor`, at least 1.
    case linear(factor: Double)
    /// Llama 3.1's rule: wavelengths longer than `originalMaximumPositions / lowFrequencyFactor` are stretched by
    /// `factor`, those shorter than `originalMaximumPositions / highFrequencyFactor` are kept, and those between are
    /// interpolated.
    case llama3(
        factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalMaximumPositions: Int)

    /// One scaled frequency, in 32-bit arithmetic.
    func scaled(_ frequency: Float) -> Float {
        switch self {
        case .none: return frequency
        case .linear(let factor): return frequency / Float(factor)
        case .llama3(let factor, let low, let high, let original):
            let wavelength = Float(2 * Double.pi) / frequency
            if wavelength > Float(Double(original) / low) { return frequency / Float(factor) }
            if wavelength < Float(Double(original) / high) { return frequency }
            let smooth = (Float(original) / wavelength - Float(low)) / Float(high - low)
            return (1 - smooth) * frequency / Float(factor) + smooth * frequency
        }
    }

    /// The value of the key `rope_scaling`.
    func json() -> JSONValue {
        switch self {
        case .none: .null
        case .linear(let factor): .object(JSONObject(["factor": .number(factor), "rope_type": .string("linear")]))
        case .llama3(let factor, let low, let high, let original):
            .object(
                JSONObject([
                    "factor": .number(factor),
                    "high_freq_factor": .number(high),
                    "low_freq_factor": .number(low),
                    "original_max_position_embeddings": .integer(Int64(original)),
                    "rope_type": .string("llama3"),
                ]))
        }
    }
}
