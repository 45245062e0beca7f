import DMSPolicy
import Foundation
import Testing

@Suite("The soft gate of training")
struct SoftGateTests {
    let decision: EvictionDecision

    init() throws { decision = try EvictionDecision(alphaScale: 100, alphaOffset: 5) }

    @Test("The temperature must be positive and finite")
    func theTemperatureMustBePositiveAndFinite() {
        for temperature: Float in [0, -1, .nan, .infinity] {
            #expect(throws: PolicyError.self) { try SoftGate(decision, temperature: temperature) }
        }
    }

    /// A zeroed row starts at logit −offset: alpha below 1 %, so nothing is evicted before training moves it.
    @Test("A zeroed row keeps everything, almost")
    func aZeroedRowKeeps() throws {
        let soft = try SoftGate(decision, temperature: 1).decide(raw: 0, noise: 0)
        #expect(abs(soft.alpha - 0.006692851) < 1e-7)
        #expect(abs(soft.bias + 0.006715348) < 1e-7)
    }

    @Test("The bias is the logarithm of what is kept, without a clamp")
    func biasIsTheLogarithmOfWhatIsKept() {
        for score in stride(from: Float(-30), through: 30, by: 0.37) {
            let soft = SoftDecision(score: score)
            let exact = -log1p(exp(Double(score)))
            // FP32: a few units in the last place of a result of up to 30.
            #expect(abs(Double(soft.bias) - exact) <= 4e-7 * max(1, abs(exact)))
            #expect(abs(Double(soft.alpha) + Double(soft.keepShare) - 1) < 2e-7)
        }
        #expect(SoftDecision(score: 5000).bias == -5000)
        #expect(SoftDecision(score: -5000).bias == 0)
    }

    /// Against central differences in FP64 of f(raw) = a · bias + b · alpha.
    @Test("The gradient agrees with differences")
    func gradientAgreesWithDifferences() throws {
        for temperature: Float in [1, 0.3, 0.1] {
            let gate = try SoftGate(decision, temperature: temperature)
            for raw in stride(from: Float(-0.02), through: 0.12, by: 0.007) {
                let noise: Float = 0.4
                func f(_ raw: Double) -> Double {
                    let z = (raw * 100 - 5 + Double(noise)) / Double(temperature)
                    return 0.7 * -log1p(exp(z)) - 1.3 / (1 + exp(-z))
                }
                let h = 1e-6
                let expected = (f(Double(raw) + h) - f(Double(raw) - h)) / (2 * h)
                let soft = gate.decide(raw: raw, noise: noise)
                let found = gate.rawGradient(of: soft, bias: 0.7, alpha: -1.3)
                // The score is a rounded difference of numbers around 5, divided by the temperature.
                #expect(abs(Double(found) - expected) < 2e-5 * 100 / Double(temperature))
            }
        }
    }

    /// One-sided Gumbel noise would have the mean 0.577.
    @Test("The noise is logistic")
    func noiseIsLogistic() {
        let layer = LogisticNoise(seed: 7, step: 3, microStep: 1).layer(2)
        let count = 200_000
        let draws = (0..<count).map { Double(layer.value(sequence: $0 % 3, head: $0 % 2, position: $0)) }
        let mean = draws.reduce(0, +) / Double(count)
        let variance = draws.reduce(0) { $0 + $1 * $1 } / Double(count)
        // Five standard errors of the mean; the variance of the logistic distribution is pi squared over 3.
        #expect(abs(mean) < 5 * 1.8138 / Double(count).squareRoot())
        #expect(abs(variance - 3.289868) < 0.08)
        #expect(draws.allSatisfy { $0.isFinite })
    }

    @Test("The noise depends on every place")
    func noiseDependsOnEveryPlace() {
        func value(_ seed: UInt64, _ step: Int, _ micro: Int, _ layer: Int, _ s: Int, _ h: Int, _ p: Int) -> Float {
            let noise = LogisticNoise(seed: seed, step: step, microStep: micro).layer(layer)
            return noise.value(sequence: s, head: h, position: p)
        }
        let first = value(1, 2, 3, 4, 5, 6, 7)
        #expect(first == value(1, 2, 3, 4, 5, 6, 7))
        let others = [
            value(2, 2, 3, 4, 5, 6, 7), value(1, 3, 3, 4, 5, 6, 7), value(1, 2, 4, 4, 5, 6, 7),
            value(1, 2, 3, 5, 5, 6, 7), value(1, 2, 3, 4, 6, 6, 7), value(1, 2, 3, 4, 5, 7, 7),
            value(1, 2, 3, 4, 5, 6, 8),
        ]
        #expect(!others.contains(first))
    }
}
