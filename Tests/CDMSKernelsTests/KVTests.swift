import CDMSKernels
import DMSTestSupport
import Testing

@Suite struct KVTests {
    private func load(_ isa: dms_isa, _ type: dms_dtype, _ rows: StoredRows, count: Int, dim: Int) -> [Float] {
        var out = Array(repeating: Float(0), count: count * dim)
        KernelContext.with(isa) { context in
            rows.scales.withUnsafeBufferPointer { scales in
                let scales = scales.isEmpty ? nil : scales.baseAddress
                dms_kv_load(context, type, rows.bytes, scales, count, dim, &out, dim)
            }
        }
        return out
    }

    /// The code whose value is nearest, ties to the even code: by looking at all of them.
    private func nearestFP8(_ x: Double) -> UInt8 {
        if x.isNaN { return 0x7f }
        let magnitude = abs(x)
        let best = (UInt8(0)..<0x7f).min { a, b in
            let da = abs(ReferenceElement.fp8(a) - magnitude), db = abs(ReferenceElement.fp8(b) - magnitude)
            return da != db ? da < db : a & 1 < b & 1
        }!
        return best | (x.sign == .minus ? 0x80 : 0)
    }

    /// A row that starts with 448 has scale 1, so codes and halfway points can be given as they are.
    @Test func everyFP8CodeAndEveryTie() {
        var row: [Float] = [448]
        for code in UInt8(0)..<0x7f {
            let value = Float(ReferenceElement.fp8(code))
            row += [value, -value]
            guard code < 0x7e else { continue }
            let middle = (value + Float(ReferenceElement.fp8(code + 1))) / 2
            row += [middle, -middle, middle.nextUp, middle.nextDown, -middle.nextUp, -middle.nextDown]
        }
        row += [1e-30, -1e-30, 0x1p-11, 0x1p-10]
        for isa in KernelContext.instructionSets {
            let stored = StoredRows(DMS_FP8_E4M3, row, dim: row.count, isa: isa)
            #expect(stored.scales == [1])
            #expect(stored.bytes == row.map { nearestFP8(Double($0)) }, "\(isa.name)")
        }
    }

    @Test func everyFP8CodeLoads() {
        var rows = StoredRows(DMS_FP8_E4M3, [448], dim: 1)
        rows.bytes = (0...255).map { UInt8($0) }
        rows.scales = [0.375]
        for isa in KernelContext.instructionSets {
            for (code, value) in load(isa, DMS_FP8_E4M3, rows, count: 1, dim: 256).enumerated() {
                let expected = Float(ReferenceElement.fp8(UInt8(code))) * 0.375
                #expect(
                    expected.isNaN ? value.isNaN : value.bitPattern == expected.bitPattern, "\(isa.name), code \(code)")
            }
        }
    }

    @Test func int8RoundsToTheNearestEven() {
        let row: [Float] = [127, -127, 0.5, 1.5, -0.5, -1.5, 2.5, 126.5, 0.49, 0.51, 0, 100.5, 101.5]
        for isa in KernelContext.instructionSets {
            let stored = StoredRows(DMS_INT8, row, dim: row.count, isa: isa)
            #expect(stored.scales == [1])
            #expect(stored.bytes.map { Int8(bitPattern: $0) } == row.map { Int8($0.rounded(.toNearestOrEven)) })
        }
    }

    @Test(arguments: [DMS_BF16.rawValue, DMS_F16.rawValue])
    func halvesRoundToTheNearestEven(_ rawType: UInt32) {
        let type = dms_dtype(rawValue: rawType)
        // Every half, the point halfway to the next, and its neighbours: halfway points tell ties to even from the rest.
        let codes = Array(stride(from: 0, to: 0x7c00, by: 7))
        func widened(_ code: Int) -> Float {
            type == DMS_F16
                ? Float(ReferenceElement.half(UInt16(code))) : Float(bitPattern: UInt32(code) << 16)
        }
        var row: [Float] = []
        var expected: [Int] = []
        for code in codes where code + 1 < (type == DMS_F16 ? 0x7c00 : 0x7f80) {
            let low = widened(code), high = widened(code + 1)
            let middle = low + (high - low) / 2
            row += [low, middle, middle.nextUp, -middle]
            expected += [code, code + code % 2, code + 1, (code + code % 2) | 0x8000]
            if middle > 0 {
                row.append(middle.nextDown)
                expected.append(code)
            }
        }
        row += [.infinity, -.infinity, .nan, 3.4e38]
        for isa in KernelContext.instructionSets {
            let stored = StoredRows(type, row, dim: row.count, isa: isa)
            let words = (0..<row.count).map { index in
                let low = Int(stored.bytes[2 * index]), high = Int(stored.bytes[2 * index + 1])
                return high << 8 | low
            }
            #expect(Array(words.prefix(expected.count)) == expected, "\(isa.name)")
            let loaded = load(isa, type, stored, count: 1, dim: row.count)
            let tail: [Float] = Array(loaded.suffix(4))
            #expect(tail[0] == .infinity && tail[1] == -.infinity && tail[2].isNaN && tail[3] == .infinity)
            let reference = stored.widened(type, dim: row.count)
            #expect(zip(loaded, reference).allSatisfy { Double($0) == $1 || $0.isNaN && $1.isNaN }, "\(isa.name)")
        }
    }

    @Test func rowsGoBackAndForth() {
        var generator = SeededGenerator(seed: 4)
        for dim in [1, 2, 3, 17, 64, 80, 127] {
            let rows = (0..<3 * dim).map { _ in generator.normal() * 50 }
            for type in cacheTypes {
                let portable = StoredRows(type, rows, dim: dim)
                let step = type == DMS_F32 ? 0 : type == DMS_BF16 ? 0x1p-8 : type == DMS_F16 ? 0x1p-11 : 0x1p-4
                for isa in KernelContext.instructionSets {
                    let stored = StoredRows(type, rows, dim: dim, isa: isa)
                    #expect(stored.bytes == portable.bytes && stored.scales == portable.scales, "\(isa.name)")
                    let loaded = load(isa, type, stored, count: 3, dim: dim)
                    for index in rows.indices {
                        let x = Double(rows[index]), row = rows[index / dim * dim..<index / dim * dim + dim]
                        let largest = Double(row.map { abs($0) }.max()!)
                        let bound = type == DMS_INT8 ? largest / 253 : abs(x) * step + largest * 0x1p-18
                        #expect(abs(Double(loaded[index]) - x) <= bound, "\(isa.name), \(type), \(x)")
                    }
                }
            }
        }
    }

    @Test func zerosAndNonNumbers() {
        let rows: [Float] = [0, 0, -0.0, 1, .nan, 2, .infinity, 1, 1, 0x1p-146, 0, 0]
        for type in [DMS_FP8_E4M3, DMS_INT8] {
            for isa in KernelContext.instructionSets {
                let stored = StoredRows(type, rows, dim: 3, isa: isa)
                #expect(stored.scales[0] == 0 && stored.scales[1].isNaN && stored.scales[2].isNaN)
                let loaded = load(isa, type, stored, count: 4, dim: 3)
                #expect(loaded[0..<3].allSatisfy { $0 == 0 } && loaded[9..<12].allSatisfy { $0.isFinite })
                #expect(loaded[3..<9].allSatisfy { $0.isNaN }, "\(isa.name)")
            }
        }
    }
}
