import DMSTensor
import DMSTestSupport
import Testing

/// The training operations of the CPU backend against PyTorch's numbers in FP64.
@Suite(.enabled(if: SharedFiles.areAvailable)) struct TrainingGoldenTests {
    private let golden: GoldenFile

    init() throws { golden = try GoldenFile(SharedFiles.path("fixtures/training_math.safetensors")) }

    private func eachBackend(_ body: (CPUKernels) throws -> Void) throws {
        for set in CPUKernels.InstructionSet.allCases where set.isAvailable {
            try body(CPUKernels(threads: 2, instructionSet: set))
        }
    }

    /// A tensor of the file as a matrix whose rows are its last dimension.
    private func tensor(_ name: String) throws -> Tensor {
        let values = golden.doubles(name), columns = golden.shape(name).last ?? values.count
        let result = try Tensor(rows: values.count / columns, columns: columns)
        for (index, value) in values.enumerated() { result.pointer[index] = Float(value) }
        return result
    }

    /// Zeros in the shape of a tensor.
    private func zeros(like name: String) throws -> Tensor {
        let count = golden.doubles(name).count, columns = golden.shape(name).last ?? count
        return try Tensor(rows: count / columns, columns: columns)
    }

    /// FP32 against FP64, relative to the tensor's maximum, as the file's README asks.
    private func expect(_ got: borrowing Tensor, _ name: String, _ kernels: CPUKernels) {
        expect((0..<got.rows * got.columns).map { got.pointer[$0] }, name, kernels)
    }

    private func expect(_ got: [Float], _ name: String, _ kernels: CPUKernels) {
        let want = golden.doubles(name), scale = TrainingCheck.scale(want)
        let error = zip(got, want).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
        #expect(got.count == want.count && error <= 1e-5 * scale, "\(name), \(kernels.name): off by \(error)")
    }

    @Test func rmsNorm() throws {
        let x = try tensor("rmsnorm.x"), weight = try tensor("rmsnorm.w"), upstream = try tensor("rmsnorm.upstream")
        try eachBackend { kernels in
            let out = try zeros(like: "rmsnorm.x"), gradX = try zeros(like: "rmsnorm.x")
            let gradWeight = try zeros(like: "rmsnorm.w")
            kernels.rmsNorm(x.view, weight: weight.pointer, epsilon: 1e-5, into: out.view)
            kernels.rmsNormBackward(
                x.view, weight: weight.pointer, epsilon: 1e-5, outputGradient: upstream.view, into: gradX.view,
                accumulates: false, weightGradient: gradWeight.pointer)
            expect(out, "rmsnorm.out", kernels)
            expect(gradX, "rmsnorm.grad_x", kernels)
            expect(gradWeight, "rmsnorm.grad_w", kernels)
        }
    }

    @Test func linear() throws {
        let x = try tensor("linear.x"), weight = try tensor("linear.w"), upstream = try tensor("linear.upstream")
        try eachBackend { kernels in
            let out = try zeros(like: "linear.out")
            let gradX = try zeros(like: "linear.x"), gradWeight = try zeros(like: "linear.w")
            kernels.linearForward(x.view, weight: weight.view, precision: .fp32, into: out.view, accumulates: false)
            kernels.linearInputGradient(
                upstream.view, weight: weight.view, precision: .fp32, into: gradX.view, accumulates: false)
            kernels.linearWeightGradient(upstream.view, input: x.view, precision: .fp32, addingTo: gradWeight.view)
            expect(out, "linear.out", kernels)
            expect(gradX, "linear.grad_x", kernels)
            expect(gradWeight, "linear.grad_w", kernels)
        }
    }

    /// A whole feed-forward layer and its backward.
    @Test func swiglu() throws {
        let x = try tensor("swiglu.x"), upstream = try tensor("swiglu.upstream")
        let gateWeight = try tensor("swiglu.w_gate"), upWeight = try tensor("swiglu.w_up")
        let downWeight = try tensor("swiglu.w_down")
        try eachBackend { kernels in
            func product(_ input: borrowing Tensor, _ weight: borrowing Tensor) throws -> Tensor {
                let out = try Tensor(rows: input.rows, columns: weight.rows)
                kernels.linearForward(
                    input.view, weight: weight.view, precision: .fp32, into: out.view, accumulates: false)
                return out
            }
            let gate = try product(x, gateWeight), up = try product(x, upWeight)
            let hidden = try Tensor(rows: gate.rows, columns: gate.columns)
            kernels.swiglu(gate: gate.view, up: up.view, into: hidden.view)
            let out = try product(hidden, downWeight)
            expect(out, "swiglu.out", kernels)

            let gradDown = try zeros(like: "swiglu.w_down"), gradGate = try zeros(like: "swiglu.w_gate")
            let gradUp = try zeros(like: "swiglu.w_up"), gradX = try zeros(like: "swiglu.x")
            kernels.linearWeightGradient(upstream.view, input: hidden.view, precision: .fp32, addingTo: gradDown.view)
            kernels.linearInputGradient(
                upstream.view, weight: downWeight.view, precision: .fp32, into: hidden.view, accumulates: false)
            kernels.swigluBackward(
                gate: gate.view, up: up.view, outputGradient: hidden.view, gateGradient: gate.view,
                upGradient: up.view)
            kernels.linearWeightGradient(gate.view, input: x.view, precision: .fp32, addingTo: gradGate.view)
            kernels.linearWeightGradient(up.view, input: x.view, precision: .fp32, addingTo: gradUp.view)
            kernels.linearInputGradient(
                gate.view, weight: gateWeight.view, precision: .fp32, into: gradX.view, accumulates: false)
            kernels.linearInputGradient(
                up.view, weight: upWeight.view, precision: .fp32, into: gradX.view, accumulates: true)
            expect(gradDown, "swiglu.grad_w_down", kernels)
            expect(gradGate, "swiglu.grad_w_gate", kernels)
            expect(gradUp, "swiglu.grad_w_up", kernels)
            expect(gradX, "swiglu.grad_x", kernels)
        }
    }

    @Test func crossEntropy() throws {
        let targets = golden.integers("cross_entropy.targets")
        try eachBackend { kernels in
            let logits = try tensor("cross_entropy.logits")
            var losses = Array(repeating: Float(0), count: targets.count)
            kernels.crossEntropy(
                logits.view, targets: targets, gradientScale: 1 / Float(targets.count), into: &losses)
            expect(losses, "cross_entropy.per_token", kernels)
            expect([losses.reduce(0, +) / Float(targets.count)], "cross_entropy.loss", kernels)
            expect(logits, "cross_entropy.grad_logits", kernels)
        }
    }

    @Test func divergence() throws {
        try eachBackend { kernels in
            let teacher = try tensor("kl.teacher"), student = try tensor("kl.student")
            var losses = Array(repeating: Float(0), count: student.rows)
            kernels.divergence(
                teacher: teacher.view, logits: student.view, weights: nil, gradientScale: 1 / Float(student.rows),
                into: &losses)
            expect(losses, "kl.per_token", kernels)
            expect([losses.reduce(0, +) / Float(student.rows)], "kl.loss", kernels)
            expect(student, "kl.grad_student", kernels)
        }
    }

    /// Five steps with the gradients' norm clipped at 1, as `clip_grad_norm_` does.
    @Test func adamW() throws {
        try eachBackend { kernels in
            let names = ["a", "b"]
            var parameters = names.map { name in golden.doubles("adamw.\(name)0").map { Float($0) } }
            var first = parameters.map { $0.map { _ in Float(0) } }, second = first
            for step in 1...5 {
                let gradients = names.map { name in golden.doubles("adamw.grad_\(name)\(step)").map { Float($0) } }
                let squares = gradients.reduce(0) { $0 + kernels.sumOfSquares($1, count: $1.count) }
                let settings = AdamWStep(
                    learningRate: 1e-2, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0, step: step,
                    gradientScale: Float(min(1, 1 / (squares.squareRoot() + 1e-6))))
                for (index, name) in names.enumerated() {
                    kernels.adamW(
                        &parameters[index], gradients: gradients[index], firstMoments: &first[index],
                        secondMoments: &second[index], count: gradients[index].count, settings)
                    expect(parameters[index], "adamw.\(name)\(step)", kernels)
                }
                expect(first[0], "adamw.m_a\(step)", kernels)
                expect(second[0], "adamw.v_a\(step)", kernels)
            }
        }
    }
}
