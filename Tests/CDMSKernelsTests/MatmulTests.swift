import CDMSKernels
import DMSTestSupport
import Testing

@Suite struct MatmulTests {
    /// Tails of every panel and vector, and whole ones.
    static let sizes = [1, 2, 5, 6, 7, 13, 14, 16, 17, 31, 32, 33, 64, 96, 127, 145]
    /// Both sides of the blocks of 256 and 512, and odd ones.
    static let depths = [1, 2, 3, 15, 16, 33, 128, 255, 256, 257, 511, 512, 513, 1100]

    /// Every orientation, precision and mode: five bits.
    private func problem(_ form: Int, rows: Int, columns: Int, depth: Int, seed: UInt64) -> MatmulProblem {
        var problem = MatmulProblem(
            rows: rows, columns: columns, depth: depth, aIsTransposed: form & 1 != 0, bIsTransposed: form & 2 != 0,
            precision: form & 4 != 0 ? DMS_PRECISION_BF16 : DMS_PRECISION_FP32, accumulates: form & 8 != 0)
        problem.fill(seed: seed)
        return problem
    }

    private func check(_ problem: MatmulProblem, threads: Int = 2) {
        let expected = problem.expected()
        for isa in KernelContext.instructionSets {
            let c = KernelContext.with(isa, threads: threads) { problem.run($0) }
            if let wrong = problem.firstWrong(c, expected) { Issue.record("\(isa.name), \(problem): \(wrong)") }
        }
    }

    @Test(arguments: 0..<16) func agreesWithFP64(_ form: Int) {
        var generator = SeededGenerator(seed: UInt64(form))
        for seed in 0..<18 {
            let rows = Self.sizes.randomElement(using: &generator) ?? 1
            let columns = Self.sizes.randomElement(using: &generator) ?? 1
            let depth = Self.depths[(seed + form) % Self.depths.count]
            check(problem(form, rows: rows, columns: columns, depth: depth, seed: UInt64(seed)))
        }
    }

    @Test(arguments: 0..<16) func bitsDoNotDependOnThreads(_ form: Int) {
        for (rows, columns, depth) in [(2, 256, 700), (145, 70, 513), (61, 300, 90)] {
            let problem = problem(form, rows: rows, columns: columns, depth: depth, seed: 7)
            for isa in KernelContext.instructionSets {
                let alone = bits(KernelContext.with(isa) { problem.run($0) })
                for threads in [2, 3, 5] {
                    let c = KernelContext.with(isa, threads: threads) { problem.run($0) }
                    #expect(bits(c) == alone, "\(isa.name), \(problem), \(threads) threads")
                }
            }
        }
    }

    /// More rows, columns or depth than one pass takes, so that operands are packed again.
    @Test(arguments: [(2100, 20, 30), (20, 2100, 30), (9, 17, 40_000), (2050, 30, 600)])
    func severalPasses(_ rows: Int, _ columns: Int, _ depth: Int) {
        for form in [2, 9, 4, 15] {
            check(problem(form, rows: rows, columns: columns, depth: depth, seed: 3))
        }
    }

    /// A value that is not finite reaches its own row or column and nothing else.
    @Test(arguments: 0..<8) func nonFiniteValuesPropagate(_ form: Int) {
        for depth in [33, 300] {
            var problem = problem(form, rows: 20, columns: 37, depth: depth, seed: 3)
            problem.setA(3, depth - 1, to: .nan)
            problem.setB(2, 36, to: .infinity)
            problem.setA(19, 2, to: 0)
            for isa in KernelContext.instructionSets {
                let c = KernelContext.with(isa) { problem.run($0) }
                let wrong = (0..<20 * 37).first { index in
                    let (row, column) = (index / 37, index % 37), value = c[row * 42 + column]
                    let isNaN = row == 3 || row == 19 && column == 36  // 0 * infinity
                    return value.isNaN != isNaN || value.isInfinite != (!isNaN && column == 36)
                }
                #expect(wrong == nil, "\(isa.name), \(problem)")
            }
        }
    }

    @Test func nothingToDo() {
        for form in [0, 3, 8] {
            for (rows, columns, depth) in [(0, 5, 5), (5, 0, 5), (5, 5, 0)] {
                check(problem(form, rows: rows, columns: columns, depth: depth, seed: 1))
            }
        }
    }
}
