/// Divides logits by a temperature: softmax(l / T), the Boltzmann distribution (Ackley, Hinton, Sejnowski 1985).
public struct TemperatureFilter: LogitFilter {
    /// Positive.
    public let temperature: Float

    /// Divides logits by this, above 0.
    public init(_ temperature: Float) {
        precondition(temperature > 0 && temperature.isFinite, "a temperature of \(temperature)")
        self.temperature = temperature
    }

    /// Divides the logits.
    public func apply(to candidates: inout Candidates) {
        // Softmax does not see a common shift; with the best at 0 no temperature, however small, overflows to NaN.
        let largest = candidates.logits[candidates.best]
        candidates.map { ($0 - largest) / temperature }
    }
}
