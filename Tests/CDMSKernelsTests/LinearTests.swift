import CDMSKernels
import DMSTestSupport
import Testing

@Suite struct LinearTests {
    /// Every precision and weight type that go together, and whether weights lie in panels.
    static let formats = [
        (DMS_PRECISION_FP32, DMS_F32, false), (DMS_PRECISION_FP32, DMS_BF16, false),
        (DMS_PRECISION_FP32, DMS_F16, false), (DMS_PRECISION_BF16, DMS_BF16, false),
        (DMS_PRECISION_FP32, DMS_BF16, true), (DMS_PRECISION_BF16, DMS_BF16, true),
    ]
    /// Tails of every register tile and vector, and both sides of the blocks of 1024 and 2048 inputs.
    static let sizes = [1, 3, 17, 31, 32, 33, 64, 127, 130]
    static let longInputs = [0, 1023, 1025, 2047, 2048, 2049, 4100]

    private func check(_ problem: LinearProblem) {
        let expected = problem.expected()
        for isa in KernelContext.linearInstructionSets {
            let y = KernelContext.with(isa, threads: 2) { problem.run($0) }
            let wrong = y.indices.first { !(abs(Double(y[$0]) - expected.y[$0]) <= expected.tolerance[$0]) }
            if let wrong {
                let (row, column) = (wrong / problem.yStride, wrong % problem.yStride)
                Issue.record("\(isa.name), \(problem): y[\(row)][\(column)] is \(y[wrong]), not \(expected.y[wrong])")
            }
        }
    }

    @Test(arguments: 0..<6) func agreesWithFP64(_ format: Int) {
        let (precision, type, inPanels) = Self.formats[format]
        var generator = SeededGenerator(seed: UInt64(format))
        func pick(_ sizes: [Int], atMost limit: Int = .max) -> Int {
            sizes.filter { $0 <= limit }.randomElement(using: &generator) ?? 1
        }
        for seed in 0..<40 {
            let long = seed % 4 == 0
            var problem = LinearProblem(
                rows: pick(Self.sizes, atMost: long ? 17 : .max),
                inputs: long ? Self.longInputs[seed / 4 % Self.longInputs.count] : pick(Self.sizes),
                outputs: pick(Self.sizes, atMost: long ? 17 : 64), precision: precision, type: type,
                hasBias: seed % 2 == 0, accumulates: seed % 3 == 0, weightOffset: seed % 5)
            problem.hasPanelsOfFloats = inPanels
            problem.fill(seed: UInt64(seed))
            check(problem)
        }
    }

    @Test(arguments: 0..<6) func bitsDoNotDependOnThreadsOrBatch(_ format: Int) {
        let (precision, type, inPanels) = Self.formats[format]
        for inputs in [33, 2049] {
            var problem = LinearProblem(
                rows: 40, inputs: inputs, outputs: 67, precision: precision, type: type, hasBias: true,
                accumulates: true)
            problem.hasPanelsOfFloats = inPanels
            problem.fill(seed: UInt64(inputs))
            let placed = PlacedLinear(problem)
            for isa in KernelContext.linearInstructionSets {
                let all = bits(KernelContext.with(isa) { placed.run($0) })
                for threads in [2, 3, 5] {
                    let y = KernelContext.with(isa, threads: threads) { placed.run($0) }
                    #expect(bits(y) == all, "\(isa.name), \(problem), \(threads) threads")
                }
                KernelContext.with(isa) { context in
                    for row in 0..<40 {
                        let alone = bits(placed.run(context, rows: row..<row + 1))
                        let within = all[row * problem.yStride..<(row + 1) * problem.yStride]
                        #expect(alone == Array(within), "\(isa.name), \(problem), row \(row)")
                    }
                    // Every batch that begins with row 0 or ends with the last.
                    for count in 2..<40 {
                        let first = bits(placed.run(context, rows: 0..<count))
                        #expect(first == Array(all[..<first.count]), "\(isa.name), \(problem), \(count) rows")
                        let last = bits(placed.run(context, rows: 40 - count..<40))
                        #expect(last == Array(all[(all.count - last.count)...]), "\(isa.name), \(count) last rows")
                    }
                }
            }
        }
    }

    /// More rows than are prepared at a time, and several blocks of rows per task.
    @Test(arguments: [false, true]) func bitsOfALongCall(inPanels: Bool) {
        var problem = LinearProblem(
            rows: 1100, inputs: 40, outputs: 9, precision: DMS_PRECISION_BF16, type: DMS_BF16)
        problem.hasPanelsOfFloats = inPanels
        problem.fill(seed: 5)
        check(problem)
        for isa in KernelContext.linearInstructionSets {
            let placed = PlacedLinear(problem)
            KernelContext.with(isa, threads: 3) { context in
                let all = bits(placed.run(context))
                for row in [0, 127, 128, 1023, 1024, 1099] {
                    let alone = bits(placed.run(context, rows: row..<row + 1))
                    #expect(alone == Array(all[row * problem.yStride..<(row + 1) * problem.yStride]))
                }
            }
        }
    }

    @Test(arguments: [false, true]) func severalOutputsAreOneCall(inPanels: Bool) {
        for isa in KernelContext.linearInstructionSets {
            for rows in [1, 7, 33] {
                var problems = [65, 3, 130].map { outputs in
                    LinearProblem(
                        rows: rows, inputs: 260, outputs: outputs, precision: DMS_PRECISION_BF16, type: DMS_BF16,
                        hasBias: outputs == 3, accumulates: outputs == 130)
                }
                for index in problems.indices {
                    problems[index].hasPanelsOfFloats = inPanels
                    problems[index].fill(seed: 9)
                }
                KernelContext.with(isa, threads: 2) { context in
                    let memory = TestMemory(), x = memory.copy(problems[0].x)
                    let ys = problems.map { memory.copy($0.initial) }
                    let placed = problems.map { PlacedLinear($0) }
                    let layers = zip(placed, ys).map {
                        $0.problem.layer(weight: $0.weight, bias: $0.bias, scales: $0.scales, y: $1)
                    }
                    LinearProblem.call(context, problems[0], x: x, rows: rows, layers)
                    for (problem, y) in zip(problems, ys) {
                        let together = Array(UnsafeBufferPointer(start: y, count: problem.initial.count))
                        #expect(bits(together) == bits(problem.run(context)), "\(isa.name), \(problem)")
                    }
                }
            }
        }
    }

    /// A product that is not finite reaches its own output and no other.
    @Test(arguments: 0..<6) func nonFiniteValuesPropagate(_ format: Int) {
        let (precision, type, inPanels) = Self.formats[format]
        let infinity: UInt32 = type == DMS_F32 ? 0x7f80_0000 : type == DMS_BF16 ? 0x7f80 : 0x7c00
        for inputs in [33, 70] {
            var problem = LinearProblem(rows: 6, inputs: inputs, outputs: 9, precision: precision, type: type)
            problem.hasPanelsOfFloats = inPanels
            problem.fill(seed: 3)
            problem.setX(1, inputs - 1, to: .nan)
            problem.setX(4, 2, to: 0)
            problem.setWeight(5, 2, bits: infinity)
            for isa in KernelContext.linearInstructionSets {
                let y = KernelContext.with(isa) { problem.run($0) }
                for row in 0..<6 {
                    for column in 0..<9 {
                        let value = y[row * problem.yStride + column]
                        let isNaN = row == 1 || row == 4 && column == 5  // 0 * infinity
                        let isInfinite = !isNaN && column == 5
                        #expect(value.isNaN == isNaN && value.isInfinite == isInfinite, "\(isa.name) \(row) \(column)")
                    }
                }
            }
        }
    }

    /// What lies behind the last weight is not read into a sum, even as zero times infinity.
    @Test func nothingBehindTheWeightsCounts() {
        for isa in KernelContext.linearInstructionSets {
            for (precision, type, inPanels) in Self.formats {
                var problem = LinearProblem(rows: 2, inputs: 19, outputs: 2, precision: precision, type: type)
                problem.hasPanelsOfFloats = inPanels
                problem.fill(seed: 8)
                let nan: UInt32 = type == DMS_F32 ? 0x7fc0_0000 : type == DMS_BF16 ? 0x7fc0 : 0x7e00
                for input in 0..<19 { problem.setWeight(1, input, bits: nan) }
                let y = KernelContext.with(isa) { problem.run($0) }
                #expect(y[0].isFinite && y[1].isNaN && y[problem.yStride].isFinite, "\(isa.name) \(problem)")
            }
        }
    }

    @Test func noInputsOrRows() {
        for isa in KernelContext.linearInstructionSets {
            for accumulates in [false, true] {
                var problem = LinearProblem(rows: 3, inputs: 0, outputs: 8, hasBias: true, accumulates: accumulates)
                problem.fill(seed: 1)
                check(problem)
                #expect(KernelContext.with(isa) { problem.run($0, rows: 1..<1) }.isEmpty)
            }
        }
    }
}
