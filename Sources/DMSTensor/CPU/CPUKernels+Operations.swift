import CDMSKernels

extension CPUKernels {
    public func reserveLinear(inputs: Int, precision: Precision) throws(MemoryError) {
        // A call of any number of rows is cut into passes, so this bounds every one.
        _ = try reservedScratch(dms_linear_scratch_bytes(context, .max, inputs, precision.kernelPrecision))
    }

    public func linear(
        _ input: MatrixView, precision: Precision, _ first: LinearTask, _ second: LinearTask?, _ third: LinearTask?
    ) {
        withUnsafeTemporaryAllocation(of: dms_linear_output.self, capacity: 3) { outputs in
            var count = 0
            func add(_ task: LinearTask) {
                outputs.initializeElement(at: count, to: output(of: task, input: input, precision: precision))
                count += 1
            }
            add(first)
            if let second { add(second) }
            if let third { add(third) }
            guard let base = outputs.baseAddress else { return }
            var arguments = dms_linear_args()
            arguments.x = UnsafePointer(input.pointer)
            arguments.x_stride = input.stride
            arguments.rows = input.rows
            arguments.in_features = input.columns
            arguments.precision = precision.kernelPrecision
            arguments.outputs = UnsafePointer(base)
            arguments.output_count = count
            let needed = dms_linear_scratch_bytes(context, input.rows, input.columns, precision.kernelPrecision)
            (arguments.scratch, arguments.scratch_bytes) = scratch(needed)
            dms_linear(context, &arguments)
        }
    }

    private func output(of task: LinearTask, input: MatrixView, precision: Precision) -> dms_linear_output {
        let weight = task.weight
        precondition(
            weight.inputs == input.columns && weight.outputs == task.output.columns && task.output.rows == input.rows,
            "a \(weight.outputs) x \(weight.inputs) weight from \(input.columns) to \(task.output.columns) columns")
        var output = dms_linear_output()
        switch weight.format {
        case .floats(let type):
            precondition(precision == .fp32 || type == .bfloat16, "a \(type.name) weight in BF16 precision")
        case .grouped(let format):
            precondition(precision != .int8, "a weight that was not arranged for products of integers")
            output.scales = weight.scales
            output.group = format.groupSize
        case .panels(let format):
            precondition(precision == .int8, "a weight in panels in \(precision) precision")
            output.group = format.groupSize
        case .bfloat16Panels: break
        }
        output.weight = weight.pointer
        output.weight_type = weight.format.kernelType
        output.bias = weight.biasPointer
        output.out_features = weight.outputs
        output.y = task.output.pointer
        output.y_stride = task.output.stride
        output.accumulate = task.accumulates ? 1 : 0
        return output
    }

    public func rmsNorm(_ input: MatrixView, weight: UnsafePointer<Float>, epsilon: Float, into output: MatrixView) {
        precondition(input.rows == output.rows && input.columns == output.columns, "RMSNorm of unequal shapes")
        dms_rms_norm(
            context, input.pointer, input.stride, input.rows, input.columns, weight, epsilon, output.pointer,
            output.stride)
    }

    public func rope(_ rows: MatrixView, heads: Int, cosine: MatrixView, sine: MatrixView) {
        precondition(
            cosine.rows >= rows.rows && cosine.stride == cosine.columns && sine.stride == sine.columns
                && heads * cosine.columns * 2 == rows.columns, "a rotary table that does not fit")
        dms_rope(
            context, rows.pointer, rows.stride, rows.rows, heads, cosine.columns, cosine.pointer, sine.pointer)
    }

    public func ropeTable(
        positions: [Int32], inverseFrequencies: [Float], cosine: MatrixView, sine: MatrixView
    ) {
        precondition(
            cosine.rows >= positions.count && cosine.columns == inverseFrequencies.count
                && cosine.stride == cosine.columns && sine.stride == sine.columns, "a rotary table that does not fit")
        dms_rope_table(
            positions, positions.count, inverseFrequencies, inverseFrequencies.count, cosine.pointer, sine.pointer)
    }

    public func swiglu(gate: MatrixView, up: MatrixView) {
        precondition(gate.rows == up.rows && gate.columns == up.columns, "SwiGLU of unequal shapes")
        dms_swiglu(
            context, gate.pointer, gate.stride, up.pointer, up.stride, gate.rows, gate.columns, gate.pointer,
            gate.stride)
    }

    public func embedding(_ ids: [Int32], table: LinearWeight, into output: MatrixView) {
        precondition(output.rows >= ids.count && output.columns == table.inputs, "an embedding that does not fit")
        guard case .floats(let type) = table.format else { preconditionFailure("an embedding of grouped integers") }
        for id in ids {
            precondition(id >= 0 && Int(id) < table.outputs, "token \(id) of a vocabulary of \(table.outputs)")
        }
        dms_embedding(
            context, ids, ids.count, table.pointer, type.kernelType, table.inputs, output.pointer, output.stride)
    }

    public func storeKV(
        _ rows: MatrixView, type: ScalarType, into destination: UnsafeMutableRawPointer,
        scales: UnsafeMutablePointer<Float>?
    ) {
        precondition(type.isScaled == (scales != nil), "scales for \(type.name)")
        dms_kv_store(
            context, type.kernelType, rows.pointer, rows.stride, rows.rows, rows.columns, destination, scales)
    }

    public func loadKV(
        _ source: UnsafeRawPointer, scales: UnsafePointer<Float>?, type: ScalarType, into rows: MatrixView
    ) {
        precondition(type.isScaled == (scales != nil), "scales for \(type.name)")
        dms_kv_load(context, type.kernelType, source, scales, rows.rows, rows.columns, rows.pointer, rows.stride)
    }

    public func softmax(_ rows: MatrixView) {
        dms_softmax(context, rows.pointer, rows.stride, rows.rows, rows.columns)
    }

    public func logSumExp(_ rows: MatrixView, into output: UnsafeMutablePointer<Float>) {
        dms_log_sum_exp(context, rows.pointer, rows.stride, rows.rows, rows.columns, output)
    }

    public func argmax(_ rows: MatrixView, into output: UnsafeMutablePointer<Int32>) {
        dms_argmax(context, rows.pointer, rows.stride, rows.rows, rows.columns, output)
    }

    public func convert(
        _ source: UnsafeRawPointer, _ sourceType: ScalarType, to destination: UnsafeMutableRawPointer,
        _ destinationType: ScalarType, count: Int
    ) {
        dms_convert(context, source, sourceType.kernelType, destination, destinationType.kernelType, count)
    }
}
