import CDMSKernels
import DMSTestSupport
import Testing

@Suite struct SoftAttentionTests {
    /// Of sequences, length, KV heads, query heads per KV head, head_dim: around the sizes of tiles, strips and vectors.
    static let shapes = [
        (1, 1, 1, 1, 2), (2, 2, 1, 2, 6), (1, 13, 2, 3, 10), (3, 63, 1, 1, 32), (1, 64, 2, 1, 18), (1, 65, 1, 2, 64),
        (2, 97, 1, 2, 24), (1, 130, 1, 1, 34), (1, 203, 1, 1, 16), (1, 20, 1, 1, 512),
    ]

    private func problem(
        _ shape: (Int, Int, Int, Int, Int), _ bias: SoftAttentionProblem.Bias, seed: UInt64
    ) -> SoftAttentionProblem {
        SoftAttentionProblem(
            sequences: shape.0, length: shape.1, kvHeads: shape.2, group: shape.3, headDim: shape.4, bias: bias,
            seed: seed)
    }

    /// Within 1e-5 of the largest number of each tensor: FP32 sums of up to 512 products and 203 keys, against FP64.
    ///
    /// Gaps between rows, NaN in both, must not have been written to.
    private func expectNear(
        _ got: SoftAttentionResult<Float>, _ expected: SoftAttentionResult<Double>, _ what: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for (part, wanted) in zip(got.parts, expected.parts) {
            let scale = max(1, wanted.numbers.reduce(0) { $1.isNaN ? $0 : max($0, abs($1)) })
            let difference = largestDifference(part.numbers, wanted.numbers) ?? .infinity
            #expect(difference < 1e-5 * scale, "\(part.name), \(what)", sourceLocation: sourceLocation)
        }
    }

    @Test(arguments: SoftAttentionProblem.Bias.allCases)
    func agreesWithNaiveAttention(_ bias: SoftAttentionProblem.Bias) {
        for (index, shape) in Self.shapes.enumerated() {
            for seed in UInt64(0)..<2 {
                let problem = problem(shape, bias, seed: 100 * seed + UInt64(index))
                let expected = problem.expected()
                for isa in KernelContext.instructionSets {
                    expectNear(problem.run(isa), expected, "\(isa.name), shape \(shape), seed \(seed)")
                }
            }
        }
    }

    @Test func bitsDoNotDependOnThreads() {
        for bias in [SoftAttentionProblem.Bias.none, .scattered] {
            // More sequences than one thread's wave.
            for shape in [(5, 100, 2, 2, 16), (1, 300, 1, 3, 32)] {
                let problem = problem(shape, bias, seed: 9)
                for isa in KernelContext.instructionSets {
                    let expected = problem.run(isa).parts
                    for threads in [2, 3] {
                        for (got, wanted) in zip(problem.run(isa, threads: threads).parts, expected) {
                            #expect(
                                bits(got.numbers) == bits(wanted.numbers), "\(got.name), \(isa.name), \(threads)")
                        }
                    }
                }
            }
        }
    }

    /// Central differences of the FP64 loss know nothing of a gradient's formula.
    ///
    /// Their own error is of the order of step², 1e-6 relative to third derivatives of the order of 10, so 1e-4 leaves
    /// room and a wrong formula is far off.
    @Test func gradientsAreThoseOfTheLoss() {
        let problem = SoftAttentionProblem(length: 9, kvHeads: 2, group: 2, headDim: 4, bias: .window, seed: 4)
        let step: Float = 0x1p-10
        let results = KernelContext.instructionSets.map { ($0, problem.run($0)) }
        func check(
            _ name: String, _ input: WritableKeyPath<SoftAttentionProblem, [Float]>,
            _ gradient: KeyPath<SoftAttentionResult<Float>, [Float]>
        ) {
            for index in problem[keyPath: input].indices where !results[0].1[keyPath: gradient][index].isNaN {
                var moved = problem
                moved[keyPath: input][index] = problem[keyPath: input][index] + step
                let high = (moved[keyPath: input][index], moved.loss())
                moved[keyPath: input][index] = problem[keyPath: input][index] - step
                let slope = (high.1 - moved.loss()) / Double(high.0 - moved[keyPath: input][index])
                for (isa, result) in results {
                    #expect(
                        abs(Double(result[keyPath: gradient][index]) - slope) < 1e-4, "\(name) \(index), \(isa.name)")
                }
            }
        }
        check("q", \.q, \.gradQ)
        check("k", \.k, \.gradK)
        check("v", \.v, \.gradV)
        check("bias", \.bias, \.gradBias)
        #expect(results[0].1.gradBias.contains { abs($0) > 0.01 })
    }

    /// With equal scores and keys that vanish, a query yields the mean of the keys it still sees.
    ///
    /// Those are the ones within the window; with the rule the other way round, `i - k <= w`, they would be the others.
    @Test func keysAreBiasedBehindTheWindowAndNotWithin() {
        let length = 150, window = 20
        var problem = SoftAttentionProblem(length: length, headDim: 2, bias: .removed, seed: 1)
        problem.q = Array(repeating: 0, count: problem.q.count)
        problem.bias = (0..<length).map { $0 % 3 == 0 ? 0 : -.infinity }
        problem.lastUnbiased = (0..<Int32(length)).map { $0 + Int32(window) }
        for j in 0..<length { problem.v[problem.valueIndex(0, 0, j)] = Float(j) }
        for isa in KernelContext.instructionSets {
            let out = problem.run(isa).out
            for i in 0..<length {
                let seen = (0...i).filter { i - $0 <= window || $0 % 3 == 0 }
                let mean = Float(seen.reduce(0, +)) / Float(seen.count)
                #expect(abs(out[problem.outIndex(0, 0, i)] - mean) < 1e-4, "\(isa.name), query \(i)")
            }
        }
    }

    /// A key with a bias of -infinity is as good as not there for the queries behind its window.
    @Test func removedKeysGiveAndTakeNothing() {
        let length = 140
        var problem = SoftAttentionProblem(length: length, kvHeads: 1, group: 2, headDim: 8, bias: .removed, seed: 3)
        problem.bias = Array(repeating: -.infinity, count: length)
        problem.lastUnbiased = (0..<Int32(length)).map { $0 }
        for isa in KernelContext.instructionSets {
            let result = problem.run(isa)
            #expect(result.gradBias.allSatisfy { $0 == 0 }, "\(isa.name)")
            // Every query sees itself only: the softmax of one score is constant.
            for i in 0..<length {
                for c in 0..<8 {
                    for head in 0..<2 {
                        let out = result.out[problem.outIndex(0, head, i) + c]
                        #expect(abs(out - problem.v[problem.valueIndex(0, 0, i) + c]) < 1e-6, "\(isa.name)")
                        #expect(abs(result.gradQ[problem.queryIndex(0, head, i) + c]) < 1e-5, "\(isa.name)")
                    }
                    #expect(abs(result.gradK[problem.keyIndex(0, 0, i) + c]) < 1e-5, "\(isa.name)")
                }
            }
        }
    }

    /// Biases that never come into force change no bit, and have no gradient.
    @Test func biasesThatNeverActChangeNothing() {
        var problem = SoftAttentionProblem(length: 170, kvHeads: 2, group: 2, headDim: 12, bias: .window, seed: 8)
        problem.lastUnbiased = Array(repeating: .max, count: 170)
        var plain = problem
        (plain.bias, plain.lastUnbiased) = ([], [])
        for isa in KernelContext.instructionSets {
            let got = problem.run(isa)
            for (part, wanted) in zip(got.parts, plain.run(isa).parts) where part.name != "grad_bias" {
                #expect(bits(part.numbers) == bits(wanted.numbers), "\(part.name), \(isa.name)")
            }
            #expect(got.gradBias.allSatisfy { $0 == 0 }, "\(isa.name)")
        }
    }
}
