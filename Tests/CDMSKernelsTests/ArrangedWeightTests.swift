import Testing

@testable import DMSTensor

/// Weights laid out for a precision.
@Suite("Arranged weights")
struct ArrangedWeightTests {
    private static func weight(_ format: GroupedFormat) throws -> LinearWeight {
        let (outputs, inputs) = (5, 64)
        let codes = try HostBuffer(byteCount: format.codeBytes(outputs: outputs, inputs: inputs))
        for index in 0..<codes.byteCount {
            codes.pointer.storeBytes(of: UInt8(truncatingIfNeeded: index * 37), toByteOffset: index, as: UInt8.self)
        }
        let scales = try HostBuffer(byteCount: format.scaleBytes(outputs: outputs, inputs: inputs))
        let values = scales.pointer.assumingMemoryBound(to: UInt16.self)
        for index in 0..<scales.byteCount / 2 { values[index] = 0x3C00 + UInt16(index) }
        let bias = try HostBuffer(byteCount: outputs * 4)
        for index in 0..<outputs {
            bias.pointer.storeBytes(of: Float(index * 100), toByteOffset: index * 4, as: Float.self)
        }
        return LinearWeight(
            outputs: outputs, inputs: inputs, format: format, pointer: UnsafeRawPointer(codes.pointer),
            scales: UnsafePointer(values), bias: bias, owner: Owners(codes, scales))
    }

    private final class Owners {
        let buffers: (HostBuffer, HostBuffer)
        init(_ first: HostBuffer, _ second: HostBuffer) { buffers = (first, second) }
    }

    /// Panels of floats are asked for, in pieces as well as at once.
    @Test(arguments: [Precision.fp32, .bf16]) func floats(precision: Precision) throws {
        let kernels = try CPUKernels(threads: 2)
        let (outputs, inputs) = (70, 33)
        let buffer = try HostBuffer(byteCount: outputs * inputs * 2)
        for index in 0..<outputs * inputs {
            buffer.pointer.storeBytes(of: 0x3C00 + UInt16(index % 251), toByteOffset: index * 2, as: UInt16.self)
        }
        let weight = LinearWeight(
            outputs: outputs, inputs: inputs, type: .bfloat16, pointer: UnsafeRawPointer(buffer.pointer), owner: buffer)
        for layout in [WeightLayout.stored, .rows] {
            #expect(try kernels.arranged(weight, for: precision, layout: layout) === weight)
        }
        let panels = try kernels.arranged(weight, for: precision, layout: .panels)
        #expect(panels.format == .bfloat16Panels && panels.format.name == "bf16" && panels.format.groupSize == nil)
        #expect(try kernels.arranged(panels, for: precision, layout: .panels) === panels)
        let pieces = try HostBuffer(byteCount: panels.byteCount)
        kernels.pack(weight, outputs: 0..<32, into: pieces.pointer)
        kernels.pack(weight, outputs: 32..<70, into: pieces.pointer + panels.byteCount / 3)
        #expect(
            UnsafeRawBufferPointer(start: panels.pointer, count: panels.byteCount)
                .elementsEqual(UnsafeRawBufferPointer(start: pieces.pointer, count: panels.byteCount)))
        let input = try Tensor(rows: 3, columns: inputs)
        for index in 0..<3 * inputs { input.pointer[index] = Float(index % 13) - 6 }
        let wanted = try Tensor(rows: 3, columns: outputs)
        let found = try Tensor(rows: 3, columns: outputs)
        kernels.linear(input.view, precision: precision, LinearTask(weight, into: wanted.view))
        kernels.linear(input.view, precision: precision, LinearTask(panels, into: found.view))
        for index in 0..<3 * outputs {
            #expect(abs(wanted.pointer[index] - found.pointer[index]) < 1e-5)
        }
    }

    @Test("only products of integers want another layout, and have the bias and nearly the results of the others")
    func layouts() throws {
        for type in GroupedFormat.IntegerType.allCases {
            let kernels = try CPUKernels(threads: 2)
            let format = GroupedFormat(type, groupSize: 32)
            let weight = try Self.weight(format)
            #expect(try kernels.arranged(weight, for: .fp32, layout: .panels) === weight)
            #expect(try kernels.arranged(weight, for: .bf16, layout: .panels) === weight)
            let panels = try kernels.arranged(weight, for: .int8, layout: .rows)
            #expect(panels.format == .panels(format) && panels.scales == nil)
            #expect(panels.format.name == type.rawValue && panels.format.groupSize == 32)
            #expect(try kernels.arranged(panels, for: .int8, layout: .rows) === panels)
            let input = try Tensor(rows: 3, columns: 64)
            for index in 0..<3 * 64 { input.pointer[index] = Float(index % 13) - 6 }
            let exact = try Tensor(rows: 3, columns: 5)
            let found = try Tensor(rows: 3, columns: 5)
            kernels.linear(input.view, precision: .fp32, LinearTask(weight, into: exact.view))
            kernels.linear(input.view, precision: .int8, LinearTask(panels, into: found.view))
            for row in 0..<3 {
                for column in 0..<5 {
                    let (wanted, got) = (exact.view[row, column], found.view[row, column])
                    // Half a step of inputs up to 6 is 0.024, weights are below 1, and 64 such errors add up at random.
                    #expect(abs(wanted - got) < 0.5, "\(type) \(row) \(column): \(got), not \(wanted)")
                    // The bias, which is larger than all that is added to it.
                    #expect(abs(wanted - Float(column * 100)) < 50)
                }
            }
        }
    }
}
