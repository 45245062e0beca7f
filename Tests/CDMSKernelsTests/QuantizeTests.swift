import CDMSKernels
import DMSTestSupport
import Testing

/// Rounding to grouped integers, against the definition in FP64.
@Suite struct QuantizeTests {
    private struct Rounded: Equatable {
        var codes: [Int] = []
        var scales: [Double] = []
        var bits: [UInt16] = []
    }

    private static let formats = [(DMS_GROUPED_INT8, 128.0), (DMS_GROUPED_INT4, 8.0)]

    private func quantize(
        _ weights: [Float], rows: Int, type: dms_dtype, group: Int, searches: Bool, threads: Int = 1
    ) -> Rounded {
        var codes = [UInt8](repeating: 0xAA, count: weights.count),
            bits = [UInt16](repeating: 0, count: weights.count / group)
        KernelContext.with(DMS_ISA_PORTABLE, threads: threads) {
            dms_quantize($0, weights, rows, weights.count / rows, type, group, searches ? 1 : 0, &codes, &bits)
        }
        var rounded = Rounded(bits: bits)
        rounded.scales = bits.map { Double(Float(bitPattern: UInt32($0) << 16)) }
        if type == DMS_GROUPED_INT8 {
            rounded.codes = codes.map { Int($0) - 128 }
        } else {
            rounded.codes = weights.indices.map { Int(codes[$0 / 2] >> UInt8($0 % 2 * 4) & 15) - 8 }
        }
        return rounded
    }

    private func error(_ weights: ArraySlice<Float>, scale: Double, limit: Double) -> Double {
        weights.reduce(0) { sum, weight in
            let code = max(-limit, min(limit - 1, (Double(weight) / scale).rounded(.toNearestOrEven)))
            let difference = Double(weight) - code * scale
            return sum + difference * difference
        }
    }

    private func random(_ count: Int, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in generator.normal() * 0.05 }
    }

    @Test(arguments: [32, 64, 128], [false, true]) func roundsToTheNearest(group: Int, searches: Bool) {
        for (type, limit) in Self.formats {
            let weights = random(3 * 5 * group, seed: UInt64(group))
            let rounded = quantize(weights, rows: 3, type: type, group: group, searches: searches)
            for (index, weight) in weights.enumerated() {
                let exact = Double(weight) / rounded.scales[index / group]
                let code = Double(rounded.codes[index])
                // The quotient is taken in FP32: at a tie it may fall to either side.
                #expect(abs(code - max(-limit, min(limit - 1, exact))) <= 0.5 + 1e-4)
            }
            for start in stride(from: 0, to: weights.count, by: group) {
                let part = weights[start..<start + group]
                let largest = part.map { abs(Double($0)) }.max() ?? 0
                let scale = rounded.scales[start / group]
                if searches {
                    #expect(scale <= 1.09 * largest / (limit - 1) && scale >= 0.59 * largest / (limit - 1))
                } else {
                    // BF16 has eight bits.
                    #expect(abs(scale / (largest / (limit - 1)) - 1) <= 0x1p-8)
                }
            }
        }
    }

    /// None of the scales it may take leaves a smaller error, but for what FP32 loses in sums.
    @Test func theSearchFindsTheBest() {
        for (type, limit) in Self.formats {
            let weights = random(40 * 64, seed: 5)
            let rounded = quantize(weights, rows: 4, type: type, group: 64, searches: true)
            for start in stride(from: 0, to: weights.count, by: 64) {
                let part = weights[start..<start + 64]
                let largest = part.map { abs($0) }.max() ?? 0
                let found = error(part, scale: rounded.scales[start / 64], limit: limit)
                for step in 0..<20 {
                    let exact = largest / Float(limit - 1) * (1 - 0.025 * Float(step - 3))
                    let bits = (exact.bitPattern + 0x7FFF + (exact.bitPattern >> 16 & 1)) & 0xFFFF_0000
                    let other = error(part, scale: Double(Float(bitPattern: bits)), limit: limit)
                    #expect(found <= other * (1 + 1e-4))
                }
            }
        }
    }

    @Test func threadsChangeNothing() {
        let weights = random(24 * 256, seed: 7)
        for (type, _) in Self.formats {
            let one = quantize(weights, rows: 24, type: type, group: 32, searches: true)
            #expect(quantize(weights, rows: 24, type: type, group: 32, searches: true, threads: 4) == one)
        }
    }

    @Test func groupsThatAreSpecial() {
        for (type, limit) in Self.formats {
            for searches in [false, true] {
                var weights = random(4 * 32, seed: 9)
                for index in 0..<32 {
                    weights[index] = 0
                    // Too small for a scale that is a normal number.
                    weights[32 + index] = Float.leastNormalMagnitude / (index % 2 == 0 ? 64 : -64)
                }
                weights[64 + 7] = .infinity
                weights[96 + 31] = .nan
                let rounded = quantize(weights, rows: 2, type: type, group: 32, searches: searches)
                #expect(rounded.scales[0] == 1 && rounded.scales[1] == 1)
                #expect(rounded.codes[..<64].allSatisfy { $0 == 0 })
                #expect(rounded.scales[2].isNaN && rounded.scales[3].isNaN)
                // Multiples of a power of two are kept as they are.
                let exact = (0..<32).map { Float($0 % Int(2 * limit - 1)) * 0.5 - Float(limit - 1) * 0.5 }
                let full = exact.indices.map { $0 == 0 ? Float(limit - 1) * 0.5 : exact[$0] }
                let kept = quantize(full, rows: 1, type: type, group: 32, searches: searches)
                #expect(kept.scales == [0.5])
                #expect(kept.codes.map { Float($0) * 0.5 } == full)
            }
        }
    }
}
