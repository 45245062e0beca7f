import DMSTensor
import DMSTestSupport
import Foundation
import Testing

/// The golden attention of `training_math.safetensors`, through the Swift layer.
@Suite struct SoftAttentionGoldenTests {
    private static let length = 24, heads = 4, kvHeads = 2, dim = 8, window = 5, tau = 0.7
    private static let rows = "[heads, length, d]"

    private let golden: GoldenFile?

    init() throws {
        golden =
            try SharedFiles.areAvailable
            ? GoldenFile(SharedFiles.path("fixtures/training_math.safetensors")) : nil
    }

    /// Rows of all heads, from the file's one head after the other.
    private func tensor(_ name: String, heads: Int) throws -> Tensor {
        let tensor = try Tensor(rows: Self.length, columns: heads * Self.dim)
        guard let golden else { return tensor }
        for (index, value) in golden.doubles(name).enumerated() {
            let head = index / (Self.length * Self.dim), row = index / Self.dim % Self.length
            tensor.view[row, head * Self.dim + index % Self.dim] = Float(value)
        }
        return tensor
    }

    private struct Outcome: ~Copyable {
        let out: Tensor, gradQ: Tensor, gradK: Tensor, gradV: Tensor
        var gradBias: [Float]
    }

    private func run(bias: [Float]?) throws -> Outcome {
        let q = try tensor("softmask.q", heads: Self.heads), k = try tensor("softmask.k", heads: Self.kvHeads)
        let v = try tensor("softmask.v", heads: Self.kvHeads)
        let upstream = try tensor("softmask.upstream", heads: Self.heads)
        let width = Self.heads * Self.dim, keyWidth = Self.kvHeads * Self.dim
        var outcome = Outcome(
            out: try Tensor(rows: Self.length, columns: width), gradQ: try Tensor(rows: Self.length, columns: width),
            gradK: try Tensor(rows: Self.length, columns: keyWidth),
            gradV: try Tensor(rows: Self.length, columns: keyWidth),
            gradBias: Array(repeating: .nan, count: Self.kvHeads * Self.length))
        let sums = try Tensor(rows: Self.heads, columns: Self.length)
        let last = (0..<Int32(Self.length)).map { $0 + Int32(Self.window) }
        let kernels = try CPUKernels(threads: 2)
        last.withUnsafeBufferPointer { last in
            (bias ?? [0]).withUnsafeBufferPointer { biases in
                outcome.gradBias.withUnsafeMutableBufferPointer { gradBias in
                    var attention = SoftAttention(
                        queries: q.view, keys: k.view, values: v.view, sequences: 1, length: Self.length,
                        shape: AttentionShape(
                            queryHeads: Self.heads, keyValueHeads: Self.kvHeads, headDimension: Self.dim),
                        bias: nil, output: outcome.out.view, logSumExp: sums.pointer)
                    if bias != nil, let first = biases.baseAddress, let last = last.baseAddress {
                        attention.bias = KeyBias(bias: first, lastUnbiased: last)
                    }
                    kernels.softAttention(attention)
                    kernels.softAttentionBackward(
                        attention,
                        SoftAttentionGradients(
                            output: upstream.view, queries: outcome.gradQ.view, keys: outcome.gradK.view,
                            values: outcome.gradV.view, bias: bias == nil ? nil : gradBias.baseAddress))
                }
            }
        }
        return outcome
    }

    /// FP32 against FP64: 1e-5 of the tensor's maximum, as the fixtures' README says.
    private func expectNear(_ got: borrowing Tensor, _ name: String) throws {
        guard let golden else { return }
        let wanted = golden.doubles(name)
        let largest = wanted.reduce(0) { max($0, abs($1)) }
        for (index, value) in wanted.enumerated() {
            let head = index / (Self.length * Self.dim), row = index / Self.dim % Self.length
            let difference = abs(Double(got.view[row, head * Self.dim + index % Self.dim]) - value)
            #expect(difference <= 1e-5 * largest, "\(name)[\(index)]")
        }
    }

    private func expectNear(_ outcome: borrowing Outcome, _ name: String) throws {
        try expectNear(outcome.out, "\(name).out")
        try expectNear(outcome.gradQ, "\(name).grad_q")
        try expectNear(outcome.gradK, "\(name).grad_k")
        try expectNear(outcome.gradV, "\(name).grad_v")
    }

    @Test(.enabled(if: SharedFiles.areAvailable)) func denseAttention() throws {
        try expectNear(try run(bias: nil), "dense_attn")
    }

    @Test(.enabled(if: SharedFiles.areAvailable)) func hardMask() throws {
        guard let golden else { return }
        let outcome = try run(bias: golden.bytes("hardmask.evict").map { $0 == 0 ? 0 : -.infinity })
        try expectNear(outcome.out, "hardmask.out")
        #expect(outcome.gradBias.allSatisfy { $0.isFinite })
    }

    @Test(.enabled(if: SharedFiles.areAvailable), arguments: [false, true]) func softMask(clamped: Bool) throws {
        guard let golden else { return }
        let gates = zip(golden.doubles("softmask.logits"), golden.doubles("softmask.noise")).map {
            ($0 + $1) / Self.tau
        }
        // log(1 - sigmoid(x)) = -log(1 + e^x)
        let exact = gates.map { $0 > 30 ? -$0 : -log1p(exp($0)) }
        let floor = log(1e-6)
        let outcome = try run(bias: exact.map { Float(clamped ? max($0, floor) : $0) })
        let name = clamped ? "softmask_clamped" : "softmask"
        try expectNear(outcome, name)
        let wanted = golden.doubles("\(name).grad_logits")
        let largest = wanted.reduce(0) { max($0, abs($1)) }
        for index in wanted.indices {
            let slope = clamped && exact[index] < floor ? 0 : -1 / (1 + exp(-gates[index])) / Self.tau
            let difference = abs(Double(outcome.gradBias[index]) * slope - wanted[index])
            #expect(difference <= 1e-5 * largest, "\(name).grad_logits[\(index)]")
        }
    }
}
