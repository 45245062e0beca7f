import CDMSKernels
import DMSTestSupport
import Testing

@Suite struct ConvertTests {
    private func convert<From: BitwiseCopyable, To: BitwiseCopyable>(
        _ isa: dms_isa, _ source: [From], _ from: dms_dtype, _ to: dms_dtype, as zero: To, threads: Int = 1
    ) -> [To] {
        var destination = Array(repeating: zero, count: source.count)
        KernelContext.with(isa, threads: threads) { context in
            dms_convert(context, source, from, &destination, to, source.count)
        }
        return destination
    }

    /// Names the first element that differs; a failed comparison of whole arrays would print them.
    private func expectEqual(_ found: [UInt16], _ expected: [UInt16], _ isa: dms_isa, _ what: String) {
        let index = zip(found, expected).enumerated().first { $1.0 != $1.1 }?.offset
        #expect(index == nil && found.count == expected.count, "\(isa.name), \(what), element \(index ?? -1)")
    }

    static let patterns = Array(UInt16.min...UInt16.max)

    @Test func sizes() {
        #expect([DMS_F32, DMS_BF16, DMS_F16, DMS_FP8_E4M3, DMS_INT8].map { dms_dtype_size($0) } == [4, 2, 2, 1, 1])
    }

    @Test func everyBF16Widens() {
        for isa in KernelContext.instructionSets {
            let wide = convert(isa, Self.patterns, DMS_BF16, DMS_F32, as: Float(0), threads: 2)
            #expect(Self.patterns.first { wide[Int($0)].bitPattern != UInt32($0) << 16 } == nil, "\(isa.name)")
        }
    }

    @Test func everyF16Widens() {
        for isa in KernelContext.instructionSets {
            let wide = convert(isa, Self.patterns, DMS_F16, DMS_F32, as: Float(0), threads: 2)
            let wrong = Self.patterns.first { pattern in
                let value = wide[Int(pattern)], expected = ReferenceElement.half(pattern)
                return expected.isNaN
                    ? !value.isNaN : Double(value) != expected || value.sign != (pattern >> 15 == 1 ? .minus : .plus)
            }
            #expect(wrong == nil, "\(isa.name)")
        }
    }

    /// Widening and narrowing again is the identity, and halfway between two neighbours goes to the even one.
    @Test(arguments: [DMS_BF16.rawValue, DMS_F16.rawValue]) func narrowingRoundsToNearestEven(_ raw: UInt32) {
        let type = dms_dtype(rawValue: raw), infinity: UInt16 = type == DMS_BF16 ? 0x7f80 : 0x7c00
        let finite = Array(0..<infinity)
        for isa in KernelContext.instructionSets {
            func narrowed(_ values: [Float]) -> [UInt16] { convert(isa, values, DMS_F32, type, as: UInt16(0)) }
            let wide = convert(isa, finite + [infinity], type, DMS_F32, as: Float(0))
            expectEqual(narrowed(wide), finite + [infinity], isa, "there and back")
            // Exact in FP32: neighbours have at least twelve bits to spare, and subnormal ones enough.
            let neighbours = zip(wide, wide.dropFirst()).dropLast()
            let halfway = neighbours.map { $0 + ($1 - $0) / 2 }
            let even = finite.dropLast().map { $0 % 2 == 0 ? $0 : $0 + 1 }
            expectEqual(narrowed(halfway), even, isa, "halfway")
            expectEqual(narrowed(halfway.map { -$0 }), even.map { $0 | 0x8000 }, isa, "negative")
            expectEqual(narrowed(halfway.map(\.nextDown)), Array(finite.dropLast()), isa, "below halfway")
            expectEqual(narrowed(halfway.map(\.nextUp)), Array(finite.dropFirst()), isa, "above halfway")
        }
    }

    @Test func extremes() {
        let values: [Float] = [
            .infinity, -.infinity, .greatestFiniteMagnitude, 65519, 65520, -0.0, .leastNonzeroMagnitude,
        ]
        let nans: [Float] = [.nan, -.nan, Float(bitPattern: 0x7f80_0001), Float(bitPattern: 0xffff_ffff)]
        for isa in KernelContext.instructionSets {
            let half = convert(isa, values, DMS_F32, DMS_F16, as: UInt16(0))
            #expect(half == [0x7c00, 0xfc00, 0x7c00, 0x7bff, 0x7c00, 0x8000, 0], "\(isa.name)")
            let brain = convert(isa, values, DMS_F32, DMS_BF16, as: UInt16(0))
            #expect(Array(brain.prefix(3)) == [0x7f80, 0xff80, 0x7f80] && brain[5] == 0x8000, "\(isa.name)")
            #expect(convert(isa, nans, DMS_F32, DMS_F16, as: UInt16(0)).allSatisfy { $0 & 0x7fff > 0x7c00 })
            #expect(convert(isa, nans, DMS_F32, DMS_BF16, as: UInt16(0)).allSatisfy { $0 & 0x7fff > 0x7f80 })
        }
    }

    /// Between the two narrow types, through FP32; and copies, which keep every bit, NaN payloads too.
    @Test func betweenNarrowTypes() {
        for isa in KernelContext.instructionSets {
            for type in [DMS_BF16, DMS_F16] {
                let copy = convert(isa, Self.patterns, type, type, as: UInt16(0), threads: 3)
                expectEqual(copy, Self.patterns, isa, "copy")
            }
            let wide = convert(isa, Self.patterns, DMS_F16, DMS_F32, as: Float(0))
            let direct = convert(isa, Self.patterns, DMS_F16, DMS_BF16, as: UInt16(0), threads: 3)
            expectEqual(direct, convert(isa, wide, DMS_F32, DMS_BF16, as: UInt16(0)), isa, "F16 to BF16")
        }
    }
}
