import CDMSKernels
import DMSTestSupport
import Testing

/// The largest difference where a number is expected; nil when NaN stands in one list only.
func largestDifference(_ got: [Float], _ expected: [Double]) -> Double? {
    guard got.count == expected.count else { return nil }
    var largest = 0.0
    for (a, b) in zip(got, expected) {
        if a.isNaN != b.isNaN { return nil }
        if !b.isNaN { largest = max(largest, abs(Double(a) - b)) }
    }
    return largest
}

func bits(_ numbers: [Float]) -> [UInt32] { numbers.map(\.bitPattern) }

let cacheTypes = [DMS_F32, DMS_BF16, DMS_F16, DMS_FP8_E4M3, DMS_INT8]

@Suite struct AttentionTests {
    /// Of head_dim, KV heads, and query heads per KV head.
    static let shapes = [(2, 1, 1), (6, 2, 3), (16, 1, 4), (24, 2, 1), (32, 1, 8), (64, 2, 4), (80, 1, 3), (128, 1, 4)]

    private func problem(
        _ type: dms_dtype, _ shape: (Int, Int, Int), rows: [Int], slots: Int, poison: Bool = false, seed: UInt64
    ) -> AttentionProblem {
        var generator = SeededGenerator(seed: seed)
        return AttentionProblem(
            type: type, headDim: shape.0, kvHeads: shape.1, group: shape.2, rows: rows, slots: slots, poison: poison,
            generator: &generator)
    }

    @Test(arguments: cacheTypes.map(\.rawValue))
    func agreesWithNaiveAttention(_ rawType: UInt32) {
        for (index, shape) in Self.shapes.enumerated() {
            let problem = problem(
                dms_dtype(rawValue: rawType), shape, rows: [1, 11, 3], slots: 260, seed: UInt64(index))
            let expected = problem.expected()
            let portable = AttentionRun(isa: DMS_ISA_PORTABLE)(problem)
            for isa in KernelContext.instructionSets {
                let got = AttentionRun(isa: isa)(problem, seed: UInt64(index))
                #expect((largestDifference(got, expected) ?? 1) < 5e-6, "\(isa.name), shape \(shape)")
                #expect(maximumDifference(got, portable) < 5e-6, "\(isa.name), shape \(shape)")
            }
        }
    }

    /// BF16 keeps 8 bits of q and of the probabilities; scores here are of the order of 1.
    @Test(arguments: cacheTypes.map(\.rawValue))
    func roundsToBF16WhereAsked(_ rawType: UInt32) {
        for (index, shape) in Self.shapes.enumerated() {
            let problem = problem(dms_dtype(rawValue: rawType), shape, rows: [1, 14], slots: 200, seed: UInt64(index))
            let expected = problem.expected()
            for isa in KernelContext.instructionSets {
                let got = AttentionRun(isa: isa, precision: DMS_PRECISION_BF16)(problem)
                #expect((largestDifference(got, expected) ?? 1) < 0.03, "\(isa.name), shape \(shape)")
                let mean = zip(got, expected).reduce(0) { $0 + abs(Double($1.0) - $1.1) } / Double(got.count)
                #expect(mean < 2e-3, "\(isa.name), shape \(shape)")
            }
        }
    }

    /// More slots than one split, in decode and in prefill.
    @Test func longListsAgreeWithNaiveAttention() {
        for type in [DMS_F32, DMS_BF16] {
            let problem = problem(type, (16, 2, 2), rows: [1, 9], slots: 3000, seed: 7)
            let expected = problem.expected()
            for isa in KernelContext.instructionSets {
                #expect((largestDifference(AttentionRun(isa: isa)(problem), expected) ?? 1) < 5e-6, "\(isa.name)")
            }
        }
    }

    @Test(arguments: [DMS_PRECISION_FP32.rawValue, DMS_PRECISION_BF16.rawValue])
    func bitsDoNotDependOnThreadsRunsOrGrouping(_ rawPrecision: UInt32) {
        let precision = dms_precision(rawValue: rawPrecision)
        for (index, type) in cacheTypes.enumerated() {
            let problem = problem(type, (24, 2, 3), rows: [1, 45, 8], slots: 2300, seed: UInt64(index))
            for isa in KernelContext.instructionSets {
                let run = AttentionRun(isa: isa, precision: precision)
                let expected = bits(run(problem, seed: 1))
                for threads in [2, 3, 5] {
                    let got = AttentionRun(isa: isa, threads: threads, precision: precision)(problem, seed: 1)
                    #expect(bits(got) == expected, "\(isa.name), \(threads) threads, \(type)")
                }
                for rows in [1, 7, 16] {
                    let got = AttentionRun(isa: isa, threads: 2, precision: precision, rowsPerCall: rows)(
                        problem, seed: 1)
                    #expect(bits(got) == expected, "\(isa.name), \(rows) rows a call, \(type)")
                }
                let cut = AttentionRun(isa: isa, precision: precision, longestRun: 16)(problem, seed: 2)
                #expect(bits(cut) == expected, "\(isa.name), other runs, \(type)")
            }
        }
    }

    /// A value that is not a number reaches the queries that see it and no other.
    @Test(arguments: [DMS_PRECISION_FP32.rawValue, DMS_PRECISION_BF16.rawValue])
    func valuesThatAreNotNumbersStayWithThoseWhoSeeThem(_ rawPrecision: UInt32) {
        for (index, type) in cacheTypes.enumerated() {
            let problem = problem(type, (16, 3, 2), rows: [12, 2], slots: 900, poison: true, seed: UInt64(index + 3))
            let expected = problem.expected()
            #expect(expected.contains { $0.isNaN } && expected.contains { !$0.isNaN && $0 != 0 })
            for isa in KernelContext.instructionSets {
                let got = AttentionRun(isa: isa, precision: dms_precision(rawValue: rawPrecision))(problem)
                #expect(largestDifference(got, expected) != nil, "\(isa.name), \(type)")
                #expect((largestDifference(got, expected) ?? 1) < 0.03, "\(isa.name), \(type)")
            }
        }
    }

    @Test func aQueryThatSeesNothingYieldsZeros() {
        var empty = problem(DMS_BF16, (16, 2, 2), rows: [3, 1], slots: 90, seed: 5)
        for sequence in empty.sequences.indices {
            for head in empty.sequences[sequence].heads.indices {
                let count = empty.sequences[sequence].heads[head].count
                empty.sequences[sequence].heads[head].first = Array(repeating: 1_000_000, count: count)
            }
        }
        for isa in KernelContext.instructionSets {
            for precision in [DMS_PRECISION_FP32, DMS_PRECISION_BF16] {
                #expect(bits(AttentionRun(isa: isa, precision: precision)(empty)).allSatisfy { $0 == 0 }, "\(isa.name)")
            }
        }
    }

    /// The causal rule at its edge: with first_query[j] = j, query p takes the mean of values 0...p when all keys are
    /// equal.
    @Test func firstQueryAndLastQueryAreInclusive() {
        var causal = problem(DMS_F32, (2, 1, 1), rows: [40], slots: 0, seed: 1)
        causal.sequences[0].firstPosition = 0
        causal.sequences[0].heads = [
            .init(
                keys: Array(repeating: 1, count: 80), values: (0..<80).map { Float($0 / 2) },
                first: (0..<40).map { Int32($0) }, last: (0..<40).map { Int32($0 + 4) })
        ]
        for isa in KernelContext.instructionSets {
            let got = AttentionRun(isa: isa)(causal)
            for position in 0..<40 {
                let mean = Float(max(0, position - 4) + position) / 2
                #expect(abs(got[position * causal.stride] - mean) < 1e-5, "\(isa.name), position \(position)")
            }
        }
    }
}
