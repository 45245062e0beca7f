import CDMSKernels
import DMSTestSupport
import Foundation
import Testing

/// The losses against their definitions in FP64.
@Suite struct LossTests {
    static let shapes = [(1, 1), (3, 17), (5, 8), (33, 127), (2, 8192), (1, 70_001), (130, 600)]

    private func softmax(_ x: ArraySlice<Float>) -> (p: [Double], logSum: Double) {
        let largest = Double(x.max() ?? 0)
        let sum = x.reduce(0) { $0 + exp(Double($1) - largest) }
        return (x.map { exp(Double($0) - largest) / sum }, log(sum) + largest)
    }

    @Test func crossEntropy() {
        for (rows, columns) in Self.shapes {
            let stride = columns + 1, logits = TrainingCheck.random(rows * stride, 12, seed: 1)
            let targets = (0..<rows).map { $0 % 4 == 3 ? Int32(-1) : Int32(($0 * 31 + 5) % columns) }
            var gradient = logits.map { Double($0) }, losses: [Double] = []
            for row in 0..<rows {
                let range = row * stride..<row * stride + columns
                let target = Int(targets[row])
                let (p, logSum) = softmax(logits[range])
                losses.append(target < 0 ? 0 : logSum - Double(logits[row * stride + target]))
                for column in 0..<columns {
                    let value = target < 0 ? 0 : 0.5 * (p[column] - (column == target ? 1 : 0))
                    gradient[row * stride + column] = value
                }
            }
            // Exponentials are within 2e-7, and a loss here is below 40.
            TrainingCheck.run(gradient + losses, tolerance: 1e-6, "cross_entropy \(rows) x \(columns)") { context in
                var x = logits, got = Array(repeating: Float.nan, count: rows)
                dms_cross_entropy(context, &x, stride, rows, columns, targets, 0.5, &got)
                return x + got
            }
        }
    }

    /// A loss of almost nothing, and of much.
    @Test func crossEntropyFarFromZero() {
        let logits: [Float] = [200, -300, 0, 1e4, -1e4, 1e4]
        TrainingCheck.run([0, 0, 0, 0.5, -1, 0.5, 0, 20_000 + log(2.0)], tolerance: 1e-6, "cross_entropy") { context in
            var x = logits, losses: [Float] = [9, 9]
            dms_cross_entropy(context, &x, 3, 2, 3, [0, 1], 1, &losses)
            return x + losses
        }
    }

    @Test func divergence() {
        for (rows, columns) in Self.shapes {
            let stride = columns + 2, teacherStride = columns + 1
            let student = TrainingCheck.random(rows * stride, 8, seed: 2)
            let teacher = TrainingCheck.random(rows * teacherStride, 8, seed: 3)
            let weights = (0..<rows).map { $0 % 3 == 1 ? Float(0) : 1 }
            for weighted in [false, true] {
                var gradient = student.map { Double($0) }, losses: [Double] = []
                for row in 0..<rows {
                    let (p, _) = softmax(teacher[row * teacherStride..<row * teacherStride + columns])
                    let (q, _) = softmax(student[row * stride..<row * stride + columns])
                    let counts = !weighted || weights[row] != 0
                    losses.append(counts ? zip(p, q).reduce(0) { $0 + $1.0 * log($1.0 / $1.1) } : 0)
                    for column in 0..<columns {
                        gradient[row * stride + column] = counts ? 0.25 * (q[column] - p[column]) : 0
                    }
                }
                TrainingCheck.run(gradient + losses, tolerance: 1e-6, "divergence \(rows) x \(columns)") { context in
                    var t = teacher, s = student, got = Array(repeating: Float.nan, count: rows)
                    weights.withUnsafeBufferPointer {
                        dms_divergence(
                            context, &t, teacherStride, &s, stride, rows, columns, weighted ? $0.baseAddress : nil,
                            0.25, &got)
                    }
                    return s + got
                }
            }
        }
    }

    /// Equal distributions differ by nothing, never by less; what the teacher rules out counts nothing, what only the
    /// student rules out counts without limit.
    @Test func divergenceAtTheEdges() {
        let minus = -Float.infinity
        for isa in KernelContext.instructionSets {
            KernelContext.with(isa) { context in
                for seed in 0..<20 {
                    var t = TrainingCheck.random(301, 10, seed: UInt64(seed)), s = t.map { $0 + 0.25 }
                    var loss: Float = 9
                    dms_divergence(context, &t, 301, &s, 301, 1, 301, nil, 1, &loss)
                    #expect(loss >= 0 && loss < 1e-6, "\(isa.name): \(loss)")
                    #expect(s.allSatisfy { abs($0) < 1e-6 })
                }
                var t: [Float] = [0, minus, 0, minus, minus, 0], s: [Float] = [0, minus, 0, 0, minus, minus]
                var losses: [Float] = [9, 9]
                dms_divergence(context, &t, 3, &s, 3, 2, 3, nil, 1, &losses)
                #expect(losses == [0, .infinity], "\(isa.name): \(losses)")
                #expect(s == [0, 0, 0, 1, 0, -1], "\(isa.name): \(s)")
            }
        }
    }

    @Test func whatIsNotANumberStaysSo() {
        for isa in KernelContext.instructionSets {
            KernelContext.with(isa) { context in
                var x = TrainingCheck.random(40, seed: 5), losses: [Float] = [0, 0]
                x[25] = .nan
                var t = x, s = TrainingCheck.random(40, seed: 6)
                dms_cross_entropy(context, &x, 20, 2, 20, [1, 2], 1, &losses)
                #expect(losses[0].isFinite && losses[1].isNaN, "\(isa.name)")
                dms_divergence(context, &t, 20, &s, 20, 2, 20, nil, 1, &losses)
                #expect(losses[0].isFinite && losses[1].isNaN, "\(isa.name)")
            }
        }
    }
}
