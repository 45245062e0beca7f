import CDMSKernels
import DMSTestSupport
import Testing

/// Weights laid out in panels.
@Suite struct PanelsTests {
    @Test(arguments: [DMS_GROUPED_INT8, DMS_GROUPED_INT4], [1, 3]) func layOutEveryCode(type: dms_dtype, threads: Int) {
        // Whole panels, a part of one, and one output more than a panel.
        for (outputs, groups, group) in [(32, 1, 32), (5, 3, 32), (33, 2, 64), (96, 5, 128)] {
            var problem = LinearProblem(
                rows: 1, inputs: groups * group, outputs: outputs, precision: DMS_PRECISION_INT8, type: type)
            problem.group = group
            problem.fill(seed: UInt64(outputs))
            let expected = problem.panels
            let bytes = dms_panels_bytes(type, outputs, problem.inputs, group)
            #expect(bytes == expected.count)
            let guardByte: UInt8 = 0xA5
            var panels = [UInt8](repeating: guardByte, count: bytes + 1)
            KernelContext.with(DMS_ISA_PORTABLE, threads: threads) { context in
                panels.withUnsafeMutableBytes { panels in
                    guard let base = panels.baseAddress else { return }
                    dms_pack_panels(
                        context, type, problem.packedCodes, problem.scales, outputs, problem.inputs, group, base)
                }
            }
            #expect(Array(panels.dropLast()) == expected, "\(problem)")
            #expect(panels.last == guardByte, "\(problem)")
        }
    }

    @Test(arguments: [1, 3]) func layOutEveryFloat(threads: Int) {
        for (outputs, inputs) in [(32, 2), (5, 1), (33, 127), (96, 261), (64, 0)] {
            var problem = LinearProblem(rows: 1, inputs: inputs, outputs: outputs, type: DMS_BF16)
            problem.fill(seed: UInt64(outputs))
            let expected = problem.panels
            #expect(dms_panels_bytes(DMS_BF16, outputs, inputs, 0) == expected.count)
            let guardByte: UInt8 = 0xA5
            var panels = [UInt8](repeating: guardByte, count: expected.count + 1)
            let weights = problem.weights.map { UInt16($0) }
            KernelContext.with(DMS_ISA_PORTABLE, threads: threads) { context in
                panels.withUnsafeMutableBytes { panels in
                    guard let base = panels.baseAddress else { return }
                    dms_pack_panels(context, DMS_BF16, weights, nil, outputs, inputs, 0, base)
                }
            }
            #expect(Array(panels.dropLast()) == expected, "\(problem)")
            #expect(panels.last == guardByte, "\(problem)")
        }
    }

    /// BF16 weights beside integers are multiplied as in BF16 precision.
    @Test func floatsInAPrecisionOfIntegers() {
        for rows in [1, 5, 40] {
            var problem = LinearProblem(
                rows: rows, inputs: 67, outputs: 40, precision: DMS_PRECISION_BF16, type: DMS_BF16, hasBias: true)
            problem.hasPanelsOfFloats = true
            problem.fill(seed: 2)
            var other = problem
            other.precision = DMS_PRECISION_INT8
            for isa in KernelContext.linearInstructionSets {
                KernelContext.with(isa) { #expect(bits(problem.run($0)) == bits(other.run($0)), "\(isa.name) \(rows)") }
            }
        }
    }
}

extension LinearProblem {
    /// The definition, byte by byte.
    ///
    /// Panels of 32 outputs, the last one repeated where they are fewer; of each group the scales, then words of four
    /// inputs for every output. A byte of 4-bit codes holds an input of the word and the one four later.
    var panels: [UInt8] {
        if !isGrouped { return panelsOfFloats }
        var bytes: [UInt8] = []
        for first in stride(from: 0, to: outputs, by: 32) {
            let rows = (first..<first + 32).map { min($0, outputs - 1) }
            for group in 0..<inputs / self.group {
                for row in rows {
                    let scale = scales[row * (inputs / self.group) + group]
                    bytes += [UInt8(scale & 255), UInt8(scale >> 8)]
                }
                let start = group * self.group
                for input in stride(from: start, to: start + self.group, by: type == DMS_GROUPED_INT8 ? 4 : 8) {
                    for row in rows {
                        for byte in 0..<4 {
                            let first = weights[row * inputs + input + byte]
                            let isByte = type == DMS_GROUPED_INT8
                            bytes.append(UInt8(isByte ? first : first | weights[row * inputs + input + byte + 4] << 4))
                        }
                    }
                }
            }
        }
        return bytes
    }

    /// Pairs of inputs for every output of a panel; an odd last one has a zero beside it.
    private var panelsOfFloats: [UInt8] {
        var bytes: [UInt8] = []
        for first in stride(from: 0, to: outputs, by: 32) {
            for input in stride(from: 0, to: inputs, by: 2) {
                for output in first..<first + 32 {
                    for second in 0..<2 {
                        let row = min(output, outputs - 1) * inputs
                        let weight = input + second < inputs ? weights[row + input + second] : 0
                        bytes += [UInt8(weight & 255), UInt8(weight >> 8)]
                    }
                }
            }
        }
        return bytes
    }
}
