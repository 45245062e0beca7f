import CDMSKernels
import DMSTestSupport
import Foundation
import Testing

/// The row-wise backward kernels against derivatives written out in FP64.
@Suite struct BackwardTests {
    /// (rows, columns): odd ones, several stretches of rows, and enough elements for several threads.
    static let shapes = [(1, 1), (3, 17), (70, 5), (33, 127), (2, 64), (1, 2048), (130, 600), (2100, 33)]

    private struct Norm {
        var gradX: [Double] = []
        var gradWeight: [Double]
    }

    private func norm(
        _ x: [Float], _ stride: Int, _ rows: Int, _ columns: Int, _ weight: [Float], _ grad: [Float]
    ) -> Norm {
        var result = Norm(gradWeight: Array(repeating: 0, count: columns))
        for row in 0..<rows {
            let line = (0..<columns).map { Double(x[row * stride + $0]) }
            let upstream = (0..<columns).map { Double(grad[row * columns + $0]) }
            let r = 1 / (line.reduce(0) { $0 + $1 * $1 } / Double(columns) + 1e-5).squareRoot()
            let h = zip(upstream, weight).map { $0 * Double($1) }
            let mean = zip(h, line).reduce(0) { $0 + $1.0 * $1.1 } / Double(columns)
            for column in 0..<columns {
                result.gradX.append(r * (h[column] - line[column] * r * r * mean))
                result.gradWeight[column] += upstream[column] * line[column] * r
            }
        }
        return result
    }

    @Test func rmsNorm() {
        for (rows, columns) in Self.shapes {
            let stride = columns + 3
            let x = TrainingCheck.random(rows * stride, seed: 1), weight = TrainingCheck.random(columns, seed: 2)
            let grad = TrainingCheck.random(rows * columns, seed: 3)
            let start = TrainingCheck.random(rows * columns + columns, seed: 4)
            let expected = norm(x, stride, rows, columns, weight, grad)
            for accumulates in [false, true] {
                let all =
                    zip(expected.gradX, start).map { $0 + (accumulates ? Double($1) : 0) }
                    + zip(expected.gradWeight, start[(rows * columns)...]).map { $0 + Double($1) }
                // A sum over n rows of terms of about 3: partial sums of about 3 √n, each rounded by up to 2^-24 of
                // itself, in stretches of 32.
                let tolerance = 4e-6 + 3 * 0x1p-24 * 32.0.squareRoot() * Double(rows).squareRoot()
                TrainingCheck.run(all, tolerance: tolerance, "rms_norm_backward \(rows) x \(columns)") { context in
                    var gradX = start, gradWeight = Array(start[(rows * columns)...])
                    gradX.removeLast(columns)
                    let count = dms_rms_norm_backward_partials(rows, columns)
                    var partials = Array(repeating: Float.nan, count: count)
                    dms_rms_norm_backward(
                        context, x, stride, rows, columns, weight, 1e-5, grad, columns, &gradX, columns,
                        accumulates ? 1 : 0, &gradWeight, &partials)
                    return gradX + gradWeight
                }
            }
            TrainingCheck.run(expected.gradX, tolerance: 4e-6, "rms_norm_backward in place") { context in
                var y = grad
                TrainingCheck.over(&y) {
                    dms_rms_norm_backward(
                        context, x, stride, rows, columns, weight, 1e-5, $0, columns, $0, columns, 0, nil, nil)
                }
                return y
            }
        }
    }

    private func swiglu(_ gate: [Float], _ up: [Float], _ grad: [Float]) -> (gate: [Double], up: [Double]) {
        var result = (gate: [Double](), up: [Double]())
        for ((g, u), d) in zip(zip(gate, up), grad) {
            let sigmoid = 1 / (1 + exp(-Double(g)))
            result.gate.append(Double(d) * Double(u) * sigmoid * (1 + Double(g) * (1 - sigmoid)))
            result.up.append(Double(d) * Double(g) * sigmoid)
        }
        return result
    }

    @Test func swiglu() {
        for (rows, columns) in Self.shapes {
            let stride = columns + 1, count = rows * stride
            let gate = TrainingCheck.random(count, 20, seed: 5), up = TrainingCheck.random(count, seed: 6)
            let grad = TrainingCheck.random(count, 1, seed: 7)
            var expected = swiglu(gate, up, grad)
            // The gaps between rows stay what they were.
            for row in 0..<rows {
                expected.gate[row * stride + columns] = Double(gate[row * stride + columns])
                expected.up[row * stride + columns] = Double(up[row * stride + columns])
            }
            TrainingCheck.run(expected.gate + expected.up, tolerance: 2e-6, "swiglu \(rows) x \(columns)") { context in
                var gradGate = gate, gradUp = up
                TrainingCheck.over(&gradGate) { gate in
                    TrainingCheck.over(&gradUp) { up in
                        dms_swiglu_backward(context, gate, up, grad, rows, columns, stride, gate, up)
                    }
                }
                return gradGate + gradUp
            }
        }
    }

    @Test func swigluFarFromZero() {
        let gate: [Float] = [-200, -100, -88, 88, 100, 200, 0, -0.0]
        let ones = Array(repeating: Float(1), count: gate.count)
        let expected = swiglu(gate, ones, ones)
        TrainingCheck.run(expected.gate + expected.up, tolerance: 1e-6, "swiglu") { context in
            var gradGate = ones, gradUp = ones
            dms_swiglu_backward(context, gate, ones, ones, 1, gate.count, gate.count, &gradGate, &gradUp)
            return gradGate + gradUp
        }
    }

    @Test func embedding() {
        for (rows, columns, entries) in [(1, 1, 1), (9, 17, 3), (700, 130, 40), (2000, 64, 2)] {
            let stride = columns + 2, grad = TrainingCheck.random(rows * stride, seed: 8)
            let start = TrainingCheck.random(entries * columns, seed: 9)
            var generator = SeededGenerator(seed: 10)
            let ids = (0..<rows).map { _ in Int32.random(in: 0..<Int32(entries), using: &generator) }
            // In order of the rows and in FP32, which makes the result exact.
            var expected = start
            for (row, id) in ids.enumerated() {
                for column in 0..<columns { expected[Int(id) * columns + column] += grad[row * stride + column] }
            }
            TrainingCheck.run(expected.map { Double($0) }, tolerance: 0, "embedding \(rows) x \(columns)") { context in
                var table = start
                dms_embedding_backward(context, ids, rows, grad, stride, columns, &table)
                return table
            }
        }
    }
}
