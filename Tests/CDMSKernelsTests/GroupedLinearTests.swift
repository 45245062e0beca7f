import CDMSKernels
import DMSTestSupport
import Testing

/// Linear layers over integers with a scale for each group.
@Suite struct GroupedLinearTests {
    static let formats = [DMS_PRECISION_FP32, DMS_PRECISION_BF16, DMS_PRECISION_INT8].flatMap { precision in
        [DMS_GROUPED_INT8, DMS_GROUPED_INT4].flatMap { type in
            [32, 64, 128].map { (precision: precision, type: type, group: $0) }
        }
    }
    /// Both sides of every register tile, of the step from tiles that widen for themselves to those that share widened
    /// weights, and of a sweep.
    static let rows = [1, 2, 3, 4, 5, 8, 9, 33, 66]
    /// In groups: one block of inputs, and both sides of blocks of 512 and of 1024.
    static let groups = [1, 2, 3, 4, 5, 7, 8, 9, 17, 33]
    static let outputs = [1, 2, 3, 4, 5, 6, 7, 11, 49, 97]

    private func problem(_ format: Int, rows: Int, groups: Int, outputs: Int) -> LinearProblem {
        let (precision, type, group) = Self.formats[format]
        var problem = LinearProblem(
            rows: rows, inputs: groups * group, outputs: outputs, precision: precision, type: type)
        problem.group = group
        return problem
    }

    /// A weight is a code times its scale, exactly; sums err as those of floats do.
    @Test(arguments: 0..<formats.count) func agreesWithFP64(_ format: Int) {
        var generator = SeededGenerator(seed: UInt64(format))
        for seed in 0..<24 {
            var problem = problem(
                format, rows: Self.rows[seed % Self.rows.count],
                groups: Self.groups.randomElement(using: &generator) ?? 1,
                outputs: Self.outputs.randomElement(using: &generator) ?? 1)
            problem.hasBias = seed % 2 == 0
            problem.accumulates = seed % 3 == 0
            problem.weightOffset = seed % 5
            problem.fill(seed: UInt64(seed))
            let expected = problem.expected()
            for isa in KernelContext.linearInstructionSets {
                let y = KernelContext.with(isa, threads: 2) { problem.run($0) }
                let wrong = y.indices.first { !(abs(Double(y[$0]) - expected.y[$0]) <= expected.tolerance[$0]) }
                if let wrong {
                    let (row, column) = (wrong / problem.yStride, wrong % problem.yStride)
                    Issue.record(
                        "\(isa.name), \(problem): y[\(row)][\(column)] is \(y[wrong]), not \(expected.y[wrong])")
                }
            }
        }
    }

    @Test(arguments: 0..<formats.count) func bitsDoNotDependOnThreadsOrBatch(_ format: Int) {
        // More rows than a sweep has, and outputs for several tasks.
        var problem = problem(format, rows: 40, groups: 17, outputs: 77)
        problem.hasBias = true
        problem.accumulates = true
        problem.fill(seed: 3)
        let placed = PlacedLinear(problem)
        for isa in KernelContext.linearInstructionSets {
            let all = bits(KernelContext.with(isa) { placed.run($0) })
            let threaded = bits(KernelContext.with(isa, threads: 3) { placed.run($0) })
            #expect(threaded == all, "\(isa.name), \(problem)")
            KernelContext.with(isa) { context in
                for count in 1..<20 {
                    for first in [0, 20 - count] {
                        let some = bits(placed.run(context, rows: first..<first + count))
                        let within = all[first * problem.yStride..<(first + count) * problem.yStride]
                        #expect(some == Array(within), "\(isa.name), \(problem), \(count) rows from \(first)")
                    }
                }
            }
        }
    }

    /// Integers are summed exactly and groups in order: not a bit depends on the processor.
    @Test func integersAreTheSameOnEveryProcessor() {
        for (index, format) in Self.formats.enumerated() where format.precision == DMS_PRECISION_INT8 {
            // Both sides of a register tile, of a panel, of a block of 16 groups, and two tasks of rows.
            // The last row of 1025 is a pass of its own.
            for (rows, groups, outputs) in [
                (1, 16, 33), (1, 5, 7), (5, 17, 65), (13, 33, 31), (515, 3, 40), (1025, 2, 33),
            ] {
                var problem = problem(index, rows: rows, groups: groups, outputs: outputs)
                problem.hasBias = rows % 2 == 0
                problem.accumulates = true
                problem.fill(seed: UInt64(rows))
                let expected = bits(KernelContext.with(DMS_ISA_PORTABLE) { problem.run($0) })
                for isa in KernelContext.linearInstructionSets {
                    let y = bits(KernelContext.with(isa, threads: 2) { problem.run($0) })
                    #expect(y == expected, "\(isa.name), \(problem)")
                }
                // The driver is the same for all of them: single rows on both sides of its cuts.
                let placed = PlacedLinear(problem), stride = problem.yStride
                KernelContext.with(DMS_ISA_PORTABLE) { context in
                    for row in [0, 1, rows / 2 - 1, rows / 2, rows / 2 + 1, 511, 512, 1023, 1024] where 0..<rows ~= row
                    {
                        let alone = bits(placed.run(context, rows: row..<row + 1))
                        #expect(alone == Array(expected[row * stride..<(row + 1) * stride]), "\(problem), row \(row)")
                    }
                }
            }
        }
    }

    /// The largest codes and inputs, of equal signs, must not overflow a sum of 16 bits on the way.
    @Test(arguments: [DMS_GROUPED_INT8, DMS_GROUPED_INT4]) func sumsDoNotOverflow(_ type: dms_dtype) {
        let codes: [UInt32] = type == DMS_GROUPED_INT8 ? [0, 255] : [0, 15]
        let offset: Float = type == DMS_GROUPED_INT8 ? 128 : 8
        for code in codes {
            for sign: Float in [1, -1] {
                var problem = LinearProblem(
                    rows: 1, inputs: 128, outputs: 33, precision: DMS_PRECISION_INT8, type: type)
                problem.group = 128
                problem.fill(seed: 1)
                for output in 0..<33 {
                    problem.setScale(output, 0, bits: 0x3F80)
                    for input in 0..<128 { problem.setWeight(output, input, bits: code) }
                }
                for input in 0..<128 { problem.setX(0, input, to: 127 * sign) }
                for isa in KernelContext.linearInstructionSets {
                    let y = KernelContext.with(isa) { problem.run($0) }
                    #expect(y[0] == 128 * 127 * sign * (Float(code) - offset) && y[32] == y[0], "\(isa.name) \(code)")
                }
            }
        }
    }

    /// Inputs far too small for a scale, beside a group of ordinary ones; halves are rounded to even.
    @Test func roundsInputsToEightBits() {
        var problem = LinearProblem(
            rows: 1, inputs: 64, outputs: 1, precision: DMS_PRECISION_INT8, type: DMS_GROUPED_INT8)
        problem.fill(seed: 1)
        for input in 0..<64 {
            problem.setX(0, input, to: input < 32 ? 0x1p-100 : 0)
            problem.setWeight(0, input, bits: 128 + 100)
        }
        problem.setScale(0, 0, bits: 0x3F80)
        problem.setScale(0, 1, bits: 0x3F80)
        // 2.5 and 3.5 steps of the scale 1 become 2 and 4.
        problem.setX(0, 32, to: 127)
        problem.setX(0, 33, to: 2.5)
        problem.setX(0, 34, to: 3.5)
        problem.setX(0, 35, to: -2.5)
        for isa in KernelContext.linearInstructionSets {
            let y = KernelContext.with(isa) { problem.run($0) }
            #expect(y[0] == Float(127 + 2 + 4 - 2) * 100, "\(isa.name)")
        }
    }

    /// Layers of integers and of floats may read the same input in one call.
    @Test(arguments: [1, 7, 40]) func mixesWithFloats(_ rows: Int) {
        for precision in [DMS_PRECISION_FP32, DMS_PRECISION_BF16, DMS_PRECISION_INT8] {
            var problems = [
                (DMS_GROUPED_INT4, 21), (DMS_BF16, 21), (DMS_GROUPED_INT8, 64), (DMS_GROUPED_INT8, 33),
                (DMS_GROUPED_INT8, 1), (DMS_GROUPED_INT4, 5), (DMS_GROUPED_INT4, 21),
            ].map { type, outputs in
                LinearProblem(
                    rows: rows, inputs: 640, outputs: outputs, precision: precision, type: type, hasBias: true)
            }
            problems[6].group = 64
            for index in problems.indices { problems[index].fill(seed: 11) }
            for index in problems.indices { problems[index].takeInputs(of: problems[0]) }
            for isa in KernelContext.linearInstructionSets {
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

    /// A scale or an input that is not finite reaches its own outputs and no other.
    @Test(arguments: 0..<formats.count) func nonFiniteValuesPropagate(_ format: Int) {
        for (rows, value) in [(1, Float.nan), (2, .nan), (5, .nan), (1, .infinity), (5, -.infinity)] {
            var problem = problem(format, rows: rows, groups: 5, outputs: 6)
            problem.fill(seed: 4)
            problem.setX(rows - 1, problem.inputs - 1, to: value)
            problem.setScale(4, 2, bits: 0x7FC0)
            for isa in KernelContext.linearInstructionSets {
                let y = KernelContext.with(isa) { problem.run($0) }
                for row in 0..<rows {
                    for column in 0..<6 {
                        let found = y[row * problem.yStride + column]
                        let isHit = row == rows - 1 || column == 4
                        #expect(found.isFinite != isHit, "\(isa.name) \(problem) \(row) \(column)")
                    }
                }
            }
        }
    }
}
