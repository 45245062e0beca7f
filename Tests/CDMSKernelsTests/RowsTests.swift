import CDMSKernels
import DMSTestSupport
import Foundation
import Testing

@Suite struct RowsTests {
    /// (rows, columns): odd ones, and enough elements for several threads.
    static let shapes = [(1, 1), (1, 3), (3, 17), (17, 127), (2, 64), (1, 2048), (130, 600)]

    private func random(_ count: Int, _ amplitude: Float = 3, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in amplitude * generator.signed() }
    }

    /// Calls `body` with every instruction set and some numbers of threads; what it returns must be near `expected`,
    /// relative to 1 or to the number, and have the same bits for any number of threads.
    private func check(
        _ expected: [Double], tolerance: Double = 2e-6, _ what: String, _ body: (OpaquePointer) -> [Float]
    ) {
        for isa in KernelContext.instructionSets {
            let alone = KernelContext.with(isa, body)
            let near = zip(alone, expected).allSatisfy { got, want in
                abs(Double(got) - want) <= tolerance * max(1, abs(want))
            }
            #expect(near && alone.count == expected.count, "\(what), \(isa.name)")
            for threads in [2, 3, 5] {
                let got = KernelContext.with(isa, threads: threads, body)
                #expect(bits(got) == bits(alone), "\(what), \(isa.name), \(threads) threads")
            }
        }
    }

    @Test func rmsNorm() {
        for (rows, columns) in Self.shapes {
            let stride = columns + 3
            let x = random(rows * stride, seed: 1), weight = random(columns, seed: 2)
            var expected: [Double] = []
            for row in 0..<rows {
                let line = x[row * stride..<row * stride + columns].map { Double($0) }
                let factor = 1 / (line.reduce(0) { $0 + $1 * $1 } / Double(columns) + 1e-5).squareRoot()
                expected += zip(line, weight).map { $0 * factor * Double($1) }
            }
            check(expected, "rms_norm \(rows) x \(columns)") { context in
                var y = Array(repeating: Float(0), count: rows * columns)
                dms_rms_norm(context, x, stride, rows, columns, weight, 1e-5, &y, columns)
                return y
            }
        }
    }

    @Test func swigluAndAdd() {
        for (rows, columns) in Self.shapes {
            let gate = random(rows * columns, 30, seed: 3), up = random(rows * columns, seed: 4)
            let swiglu = zip(gate, up).map { g, u in Double(g) / (1 + exp(-Double(g))) * Double(u) }
            check(swiglu, "swiglu \(rows) x \(columns)") { context in
                var y = gate
                y.withUnsafeMutableBufferPointer { y in
                    dms_swiglu(context, y.baseAddress, columns, up, columns, rows, columns, y.baseAddress, columns)
                }
                return y
            }
            check(zip(gate, up).map { Double($0 + $1) }, tolerance: 0, "add \(rows) x \(columns)") { context in
                var y = gate
                dms_add(context, up, columns, rows, columns, &y, columns)
                return y
            }
        }
    }

    @Test func swigluFarFromZero() {
        let gate: [Float] = [-200, -100, -88, 100, 200, 0, -0.0]
        check([0, 0, -88 * exp(-88.0), 100, 200, 0, 0], "swiglu") { context in
            var y = Array(repeating: Float(0), count: gate.count)
            dms_swiglu(context, gate, 7, Array(repeating: 1, count: 7), 7, 1, 7, &y, 7)
            return y
        }
    }

    @Test func ropeRotatesPairs() {
        for (rows, heads, half) in [(1, 1, 1), (3, 2, 3), (5, 3, 16), (90, 8, 64)] {
            let stride = heads * 2 * half + 1
            let x = random(rows * stride, seed: 5)
            let frequencies = (0..<half).map { Float(pow(1e4, -Double($0) / Double(half))) }
            let positions = (0..<rows).map { Int32(3 * $0 + 7) }
            var cosine = Array(repeating: Float(0), count: rows * half), sine = cosine
            dms_rope_table(positions, rows, frequencies, half, &cosine, &sine)
            var expected = x.map { Double($0) }
            for row in 0..<rows {
                for head in 0..<heads {
                    for j in 0..<half {
                        let angle = Double(Float(positions[row]) * frequencies[j])
                        let low = row * stride + head * 2 * half + j, high = low + half
                        expected[low] = Double(x[low]) * cos(angle) - Double(x[high]) * sin(angle)
                        expected[high] = Double(x[high]) * cos(angle) + Double(x[low]) * sin(angle)
                    }
                }
            }
            check(expected, "rope \(rows) x \(heads) x \(half)") { context in
                var y = x
                dms_rope(context, &y, stride, rows, heads, half, cosine, sine)
                return y
            }
        }
    }

    @Test(.enabled(if: SharedFiles.areAvailable)) func ropeTableMatchesTransformers() throws {
        let golden = try GoldenFile(SharedFiles.path("fixtures/rope.safetensors"))
        let positions = golden.integers("positions")
        for name in ["wiki8m_llama3", "llama32_1b", "default_theta5e5_d32", "default_theta1e4_d64"] {
            let frequencies = golden.floats("\(name).inv_freq")
            let half = frequencies.count
            var cosine = Array(repeating: Float(0), count: positions.count * half), sine = cosine
            dms_rope_table(positions, positions.count, frequencies, half, &cosine, &sine)
            // The file has both halves, which are equal.
            let expected = (golden.floats("\(name).cos"), golden.floats("\(name).sin"))
            for row in positions.indices {
                for j in 0..<half {
                    #expect(abs(cosine[row * half + j] - expected.0[row * 2 * half + j]) < 1e-6, "\(name)")
                    #expect(abs(sine[row * half + j] - expected.1[row * 2 * half + j]) < 1e-6, "\(name)")
                }
            }
        }
    }

    @Test func embeddingWidens() {
        for columns in [1, 3, 17, 64, 700] {
            let table = random(9 * columns, seed: 6)
            let ids: [Int32] = (0..<120).map { $0 % 9 }
            for type in [DMS_F32, DMS_BF16, DMS_F16] {
                let stored = StoredRows(type, table, dim: columns)
                let widened = stored.widened(type, dim: columns)
                let expected = ids.flatMap { widened[Int($0) * columns..<(Int($0) + 1) * columns] }
                check(expected, tolerance: 0, "embedding") { context in
                    var y = Array(repeating: Float(0), count: ids.count * columns)
                    stored.bytes.withUnsafeBytes {
                        dms_embedding(context, ids, ids.count, $0.baseAddress!, type, columns, &y, columns)
                    }
                    return y
                }
            }
        }
    }

    @Test func softmaxAndLogSumExp() {
        for (rows, columns) in Self.shapes + [(2, 70_001)] {
            let x = random(rows * columns, 20, seed: 7)
            var softmax: [Double] = []
            var logs: [Double] = []
            for row in 0..<rows {
                let line = x[row * columns..<(row + 1) * columns].map { Double($0) }
                let largest = line.max()!
                let sum = line.reduce(0) { $0 + exp($1 - largest) }
                logs.append(largest + log(sum))
                softmax += line.map { exp($0 - largest) / sum }
            }
            check(softmax, "softmax \(rows) x \(columns)") { context in
                var y = x
                dms_softmax(context, &y, columns, rows, columns)
                return y
            }
            check(logs, "log_sum_exp \(rows) x \(columns)") { context in
                var y = Array(repeating: Float(0), count: rows)
                dms_log_sum_exp(context, x, columns, rows, columns, &y)
                return y
            }
        }
    }

    @Test func logSumExpOfWhatIsNotFinite() {
        var rows: [[Float]] = Array(repeating: Array(repeating: -.infinity, count: 70_001), count: 4)
        rows[1][69_000] = -1000
        rows[2][3] = .infinity
        rows[3][12] = .nan
        for isa in KernelContext.instructionSets {
            var y: [Float] = [0, 0, 0, 0]
            KernelContext.with(isa, threads: 2) {
                dms_log_sum_exp($0, rows.flatMap { $0 }, 70_001, 4, 70_001, &y)
            }
            #expect(y[0] == -.infinity && y[1] == -1000 && y[2] == .infinity && y[3].isNaN, "\(isa.name)")
        }
    }

    private func argmax(_ isa: dms_isa, threads: Int = 1, _ x: [Float], rows: Int) -> [Int32] {
        var y = Array(repeating: Int32(-1), count: rows)
        let columns = x.count / rows
        KernelContext.with(isa, threads: threads) { dms_argmax($0, x, columns, rows, columns, &y) }
        return y
    }

    @Test func argmaxTakesTheFirst() {
        for (rows, columns) in Self.shapes + [(1, 70_001)] {
            var x = random(rows * columns, seed: 8)
            // The largest value of each row twice.
            var expected: [Int32] = []
            for row in 0..<rows {
                let first = (row * 31 + columns / 3) % columns
                x[row * columns + first] = 9
                x[row * columns + columns - 1] = 9
                expected.append(Int32(first))
            }
            for isa in KernelContext.instructionSets {
                for threads in [1, 3] {
                    #expect(argmax(isa, threads: threads, x, rows: rows) == expected, "\(isa.name)")
                }
            }
        }
    }

    @Test func argmaxOfWhatIsNotFinite() {
        let rows: [[Float]] = [
            [-.infinity, -.infinity, -.infinity, -.infinity], [-.infinity, -3, -.infinity, -3],
            [1, .nan, 2, .nan], [1, .infinity, 2, .infinity],
        ]
        for isa in KernelContext.instructionSets {
            #expect(argmax(isa, rows.flatMap { $0 }, rows: 4) == [0, 1, 1, 1], "\(isa.name)")
        }
    }

    /// Row i of a call has the bits it has alone.
    @Test func rowsStandAlone() {
        let columns = 1000, rows = 70
        let x = random(rows * columns, seed: 9), weight = random(columns, seed: 10)
        for isa in KernelContext.instructionSets {
            KernelContext.with(isa, threads: 2) { context in
                var norm = Array(repeating: Float(0), count: x.count), soft = x
                dms_rms_norm(context, x, columns, rows, columns, weight, 1e-6, &norm, columns)
                dms_softmax(context, &soft, columns, rows, columns)
                for row in [0, 33, 69] {
                    let range = row * columns..<(row + 1) * columns
                    var alone = Array(x[range]), single = alone
                    dms_rms_norm(context, single, columns, 1, columns, weight, 1e-6, &alone, columns)
                    dms_softmax(context, &single, columns, 1, columns)
                    #expect(bits(alone) == bits(Array(norm[range])) && bits(single) == bits(Array(soft[range])))
                }
            }
        }
    }
}
