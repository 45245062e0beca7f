import CDMSKernels
import DMSTestSupport
import Foundation
import Testing

/// The optimizer's kernels against their definitions in FP64.
@Suite struct OptimizerTests {
    static let counts = [1, 7, 8, 33, 16_384, 16_385, 100_003]

    @Test func sumOfSquares() {
        for count in Self.counts + [0, 5_000_001] {
            let x = TrainingCheck.random(count, 1e3, seed: UInt64(count))
            let expected = x.reduce(0) { $0 + Double($1) * Double($1) }
            for isa in KernelContext.instructionSets {
                let sums = [1, 2, 3].map { KernelContext.with(isa, threads: $0) { dms_sum_of_squares($0, x, count) } }
                // Products are exact in FP64; what is left is another order of at most 2^23 additions.
                #expect(abs(sums[0] - expected) <= 1e-12 * expected, "\(isa.name), \(count)")
                #expect(sums[1].bitPattern == sums[0].bitPattern && sums[2].bitPattern == sums[0].bitPattern)
            }
        }
        // Squares beyond FP32 on both sides.
        let x: [Float] = [1e30, -1e-30, 2e30]
        for isa in KernelContext.instructionSets {
            let sum = KernelContext.with(isa) { dms_sum_of_squares($0, x, 3) }
            #expect(abs(sum - 5e60) < 1e54, "\(isa.name)")
        }
    }

    @Test func adamW() {
        for count in Self.counts {
            let start = TrainingCheck.random(count, seed: 1)
            let gradients = (1...3).map { TrainingCheck.random(count, 2, seed: UInt64($0 + 1)) }
            for decay in [Float(0), 0.1] {
                var p = start.map { Double($0) }, m = Array(repeating: 0.0, count: count), v = m
                let (b1, b2) = (Double(Float(0.9)), Double(Float(0.99)))
                for (step, gradient) in gradients.enumerated() {
                    let (c1, c2) = (1 - pow(b1, Double(step + 1)), 1 - pow(b2, Double(step + 1)))
                    for i in 0..<count {
                        let g = Double(gradient[i]) * 0.5
                        p[i] -= 0.01 * Double(decay) * p[i]
                        m[i] = b1 * m[i] + (1 - b1) * g
                        v[i] = b2 * v[i] + (1 - b2) * g * g
                        p[i] -= 0.01 * (m[i] / c1) / ((v[i] / c2).squareRoot() + 1e-8)
                    }
                }
                // A handful of roundings of numbers below 4 in each of three steps.
                TrainingCheck.run(p + m + v, tolerance: 2e-6, "adamw \(count), decay \(decay)") { context in
                    var p = start, m = Array(repeating: Float(0), count: count), v = m
                    for (step, gradient) in gradients.enumerated() {
                        gradient.withUnsafeBufferPointer { gradient in
                            TrainingCheck.over(&p) { p in
                                TrainingCheck.over(&m) { m in
                                    TrainingCheck.over(&v) { v in
                                        var arguments = dms_adamw_args(
                                            parameters: p, gradients: gradient.baseAddress, first_moments: m,
                                            second_moments: v, count: count, learning_rate: 0.01, beta1: 0.9,
                                            beta2: 0.99, epsilon: 1e-8, weight_decay: decay,
                                            correction1: Float(1 - pow(b1, Double(step + 1))),
                                            correction2: Float(1 - pow(b2, Double(step + 1))), grad_scale: 0.5)
                                        dms_adamw(context, &arguments)
                                    }
                                }
                            }
                        }
                    }
                    return p + m + v
                }
            }
        }
    }
}
