import CDMSKernels

extension CPUKernels {
    /// What either pass of biased attention needs at most.
    func softAttentionScratchBytes(_ footprint: TrainingFootprint) -> Int {
        var arguments = dms_soft_attention_args()
        arguments.sequences = footprint.sequences
        arguments.length = footprint.length
        arguments.query_heads = footprint.shape.queryHeads
        arguments.kv_heads = footprint.shape.keyValueHeads
        arguments.head_dim = footprint.shape.headDimension
        // Only whether there is a bias is looked at.
        return withUnsafePointer(to: Float(0)) { bias in
            arguments.bias = bias
            return max(
                dms_soft_attention_scratch_bytes(context, &arguments),
                dms_soft_attention_backward_scratch_bytes(context, &arguments))
        }
    }

    public func softAttention(_ attention: SoftAttention) {
        var arguments = attention.kernelArguments
        (arguments.scratch, arguments.scratch_bytes) = scratch(dms_soft_attention_scratch_bytes(context, &arguments))
        dms_soft_attention(context, &arguments)
    }

    public func softAttentionBackward(_ attention: SoftAttention, _ gradients: SoftAttentionGradients) {
        precondition(
            gradients.output.hasLayout(of: attention.output) && gradients.queries.hasLayout(of: attention.queries)
                && gradients.keys.hasLayout(of: attention.keys) && gradients.values.hasLayout(of: attention.values),
            "gradients of attention that are not laid out as what they belong to")
        precondition((gradients.bias == nil) == (attention.bias == nil), "a bias and no gradient, or the reverse")
        var arguments = attention.kernelArguments
        arguments.grad_out = UnsafePointer(gradients.output.pointer)
        arguments.grad_q = gradients.queries.pointer
        arguments.grad_k = gradients.keys.pointer
        arguments.grad_v = gradients.values.pointer
        arguments.grad_bias = gradients.bias
        (arguments.scratch, arguments.scratch_bytes) = scratch(
            dms_soft_attention_backward_scratch_bytes(context, &arguments))
        dms_soft_attention_backward(context, &arguments)
    }
}

extension SoftAttention {
    /// Everything that forward needs, but for the scratch memory.
    fileprivate var kernelArguments: dms_soft_attention_args {
        let rows = sequences * length
        let width = shape.queryHeads * shape.headDimension, keyWidth = shape.keyValueHeads * shape.headDimension
        precondition(sequences >= 0 && length > 0, "\(sequences) sequences of \(length) tokens")
        precondition(
            queries.hasShape(rows, width) && output.hasShape(rows, width) && keys.hasShape(rows, keyWidth)
                && values.hasShape(rows, keyWidth), "attention rows that do not fit \(rows) tokens and \(shape)")
        var arguments = dms_soft_attention_args()
        arguments.q = UnsafePointer(queries.pointer)
        arguments.k = UnsafePointer(keys.pointer)
        arguments.v = UnsafePointer(values.pointer)
        arguments.q_stride = queries.stride
        arguments.k_stride = keys.stride
        arguments.v_stride = values.stride
        arguments.sequences = sequences
        arguments.length = length
        arguments.query_heads = shape.queryHeads
        arguments.kv_heads = shape.keyValueHeads
        arguments.head_dim = shape.headDimension
        arguments.scale = shape.scale
        arguments.bias = bias?.bias
        arguments.last_unbiased = bias?.lastUnbiased
        arguments.out = output.pointer
        arguments.out_stride = output.stride
        arguments.log_sum_exp = logSumExp
        return arguments
    }
}

extension MatrixView {
    fileprivate func hasShape(_ rows: Int, _ columns: Int) -> Bool { self.rows == rows && self.columns == columns }

    fileprivate func hasLayout(of other: MatrixView) -> Bool {
        hasShape(other.rows, other.columns) && stride == other.stride
    }
}
