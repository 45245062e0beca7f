import CDMSKernels

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

extension CPUKernels: TrainingKernels {
    public func reserve(_ footprint: TrainingFootprint) throws(MemoryError) {
        let lines = max(footprint.rows, footprint.widest)
        var product = dms_matmul_args()
        (product.rows, product.columns, product.depth) = (lines, lines, lines)
        // A norm is over whole rows, or over each head of them.
        let partials = max(
            dms_rms_norm_backward_partials(footprint.rows, footprint.widest),
            dms_rms_norm_backward_partials(
                footprint.rows * footprint.shape.queryHeads, footprint.shape.headDimension))
        _ = try reservedScratch(
            max(
                dms_matmul_scratch_bytes(context, &product), partials * MemoryLayout<Float>.stride,
                softAttentionScratchBytes(footprint)))
    }

    public func linearForward(
        _ input: MatrixView, weight: MatrixView, precision: Precision, into output: MatrixView, accumulates: Bool
    ) {
        multiply(input.operand, weight.transposedOperand, into: output, precision, accumulates: accumulates)
    }

    public func linearInputGradient(
        _ outputGradient: MatrixView, weight: MatrixView, precision: Precision, into gradient: MatrixView,
        accumulates: Bool
    ) {
        multiply(outputGradient.operand, weight.operand, into: gradient, precision, accumulates: accumulates)
    }

    public func linearWeightGradient(
        _ outputGradient: MatrixView, input: MatrixView, precision: Precision, addingTo gradient: MatrixView
    ) {
        multiply(outputGradient.transposedOperand, input.operand, into: gradient, precision, accumulates: true)
    }

    private func multiply(
        _ a: Operand, _ b: Operand, into c: MatrixView, _ precision: Precision, accumulates: Bool
    ) {
        precondition(
            a.columns == b.rows && a.rows == c.rows && b.columns == c.columns,
            "\(a.rows) x \(a.columns) times \(b.rows) x \(b.columns) into \(c.rows) x \(c.columns)")
        var arguments = dms_matmul_args()
        arguments.a = a.kernelOperand
        arguments.b = b.kernelOperand
        arguments.rows = c.rows
        arguments.columns = c.columns
        arguments.depth = a.columns
        arguments.c = c.pointer
        arguments.c_stride = c.stride
        arguments.accumulate = accumulates ? 1 : 0
        arguments.precision = precision.kernelPrecision
        (arguments.scratch, arguments.scratch_bytes) = scratch(dms_matmul_scratch_bytes(context, &arguments))
        dms_matmul(context, &arguments)
    }

    public func rmsNormBackward(
        _ input: MatrixView, weight: UnsafePointer<Float>, epsilon: Float, outputGradient: MatrixView,
        into inputGradient: MatrixView, accumulates: Bool, weightGradient: UnsafeMutablePointer<Float>?
    ) {
        precondition(
            input.hasShape(of: outputGradient) && input.hasShape(of: inputGradient), "RMSNorm of unequal shapes")
        var partials: UnsafeMutablePointer<Float>?
        if weightGradient != nil {
            let count = dms_rms_norm_backward_partials(input.rows, input.columns)
            partials = scratch(count * MemoryLayout<Float>.stride).0?.assumingMemoryBound(to: Float.self)
        }
        dms_rms_norm_backward(
            context, input.pointer, input.stride, input.rows, input.columns, weight, epsilon, outputGradient.pointer,
            outputGradient.stride, inputGradient.pointer, inputGradient.stride, accumulates ? 1 : 0, weightGradient,
            partials)
    }

    public func swiglu(gate: MatrixView, up: MatrixView, into output: MatrixView) {
        precondition(gate.hasShape(of: up) && gate.hasShape(of: output), "SwiGLU of unequal shapes")
        dms_swiglu(
            context, gate.pointer, gate.stride, up.pointer, up.stride, gate.rows, gate.columns, output.pointer,
            output.stride)
    }

    public func swigluBackward(
        gate: MatrixView, up: MatrixView, outputGradient: MatrixView, gateGradient: MatrixView, upGradient: MatrixView
    ) {
        for other in [up, outputGradient, gateGradient, upGradient] {
            precondition(gate.hasShape(of: other), "SwiGLU of unequal shapes")
            precondition(other.stride == gate.stride, "SwiGLU's gradients of unequal strides")
        }
        dms_swiglu_backward(
            context, gate.pointer, up.pointer, outputGradient.pointer, gate.rows, gate.columns, gate.stride,
            gateGradient.pointer, upGradient.pointer)
    }

    public func embeddingBackward(_ ids: [Int32], outputGradient: MatrixView, addingTo table: MatrixView) {
        precondition(
            outputGradient.rows >= ids.count && outputGradient.columns == table.columns
                && table.stride == table.columns, "an embedding's gradient that does not fit")
        for id in ids {
            precondition(id >= 0 && Int(id) < table.rows, "token \(id) of a vocabulary of \(table.rows)")
        }
        dms_embedding_backward(
            context, ids, ids.count, outputGradient.pointer, outputGradient.stride, table.columns, table.pointer)
    }

    public func crossEntropy(
        _ logits: MatrixView, targets: UnsafePointer<Int32>, gradientScale: Float,
        into losses: UnsafeMutablePointer<Float>
    ) {
        for row in 0..<logits.rows {
            precondition(Int(targets[row]) < logits.columns, "target \(targets[row]) of \(logits.columns) logits")
        }
        dms_cross_entropy(
            context, logits.pointer, logits.stride, logits.rows, logits.columns, targets, gradientScale, losses)
    }

    public func divergence(
        teacher: MatrixView, logits: MatrixView, weights: UnsafePointer<Float>?, gradientScale: Float,
        into losses: UnsafeMutablePointer<Float>
    ) {
        precondition(teacher.hasShape(of: logits), "a divergence of unequal shapes")
        dms_divergence(
            context, teacher.pointer, teacher.stride, logits.pointer, logits.stride, logits.rows, logits.columns,
            weights, gradientScale, losses)
    }

    public func sumOfSquares(_ values: UnsafePointer<Float>, count: Int) -> Double {
        dms_sum_of_squares(context, values, count)
    }

    public func adamW(
        _ parameters: UnsafeMutablePointer<Float>, gradients: UnsafePointer<Float>,
        firstMoments: UnsafeMutablePointer<Float>, secondMoments: UnsafeMutablePointer<Float>, count: Int,
        _ step: AdamWStep
    ) {
        precondition(step.step >= 1, "step \(step.step) of an optimizer that counts from 1")
        var arguments = dms_adamw_args()
        arguments.parameters = parameters
        arguments.gradients = gradients
        arguments.first_moments = firstMoments
        arguments.second_moments = secondMoments
        arguments.count = count
        arguments.learning_rate = step.learningRate
        arguments.beta1 = step.beta1
        arguments.beta2 = step.beta2
        arguments.epsilon = step.epsilon
        arguments.weight_decay = step.weightDecay
        arguments.correction1 = Float(1 - pow(Double(step.beta1), Double(step.step)))
        arguments.correction2 = Float(1 - pow(Double(step.beta2), Double(step.step)))
        arguments.grad_scale = step.gradientScale
        dms_adamw(context, &arguments)
    }
}

/// A matrix or its transpose, as a product sees it.
private struct Operand {
    let rows: Int
    let columns: Int
    let kernelOperand: dms_operand
}

extension MatrixView {
    fileprivate var operand: Operand {
        Operand(
            rows: rows, columns: columns,
            kernelOperand: dms_operand(data: pointer, row_stride: stride, column_stride: 1))
    }

    fileprivate var transposedOperand: Operand {
        Operand(
            rows: columns, columns: rows,
            kernelOperand: dms_operand(data: pointer, row_stride: 1, column_stride: stride))
    }

    fileprivate func hasShape(of other: MatrixView) -> Bool { rows == other.rows && columns == other.columns }
}
