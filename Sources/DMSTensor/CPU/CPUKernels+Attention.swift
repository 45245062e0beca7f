import CDMSKernels

extension CPUKernels {
    public func attention(
        _ queries: MatrixView, _ batch: borrowing AttentionBatch, shape: AttentionShape, kvType: ScalarType,
        precision: Precision, into output: MatrixView
    ) throws(MemoryError) {
        let width = shape.queryHeads * shape.headDimension
        precondition(queries.columns == width && output.columns == width, "attention rows that are not \(width) wide")
        precondition(batch.keyValueHeads == shape.keyValueHeads, "a batch of another number of KV heads")
        var arguments = dms_attention_args()
        arguments.q = UnsafePointer(queries.pointer)
        arguments.q_stride = queries.stride
        arguments.out = output.pointer
        arguments.out_stride = output.stride
        arguments.query_heads = shape.queryHeads
        arguments.kv_heads = shape.keyValueHeads
        arguments.head_dim = shape.headDimension
        arguments.scale = shape.scale
        arguments.kv_type = kvType.kernelType
        arguments.precision = precision.kernelPrecision
        // Caught and thrown again: what lends the lists does not pass on an error of a known type.
        var failure: MemoryError?
        let lists = try reservedLists(batch.kernelListBytes)
        batch.withKernelLists(rows: queries.rows, in: lists) { sequences in
            arguments.sequences = sequences.baseAddress
            arguments.sequence_count = sequences.count
            let needed = dms_attention_scratch_bytes(context, &arguments)
            do throws(MemoryError) {
                (arguments.scratch, arguments.scratch_bytes) = try reservedScratch(needed)
                dms_attention(context, &arguments)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
}

extension AttentionBatch {
    /// Bytes that the lists take in the kernels' own form.
    fileprivate var kernelListBytes: Int {
        runs.count * MemoryLayout<dms_kv_run>.stride + sequences.count * MemoryLayout<dms_attention_sequence>.stride
    }

    /// Lends the lists in the kernels' own form, in memory of ``kernelListBytes``.
    fileprivate borrowing func withKernelLists(
        rows: Int, in memory: UnsafeMutableRawPointer, _ body: (UnsafeBufferPointer<dms_attention_sequence>) -> Void
    ) {
        let kernelRuns = memory.bindMemory(to: dms_kv_run.self, capacity: runs.count)
        for (index, run) in runs.enumerated() {
            (kernelRuns + index).initialize(
                to: dms_kv_run(
                    keys: run.keys, values: run.values, key_scales: run.keyScales, value_scales: run.valueScales,
                    count: run.count, first_query: run.firstQuery, last_query: run.lastQuery))
        }
        let lists = UnsafeMutableRawPointer(kernelRuns + runs.count).bindMemory(
            to: dms_attention_sequence.self, capacity: sequences.count)
        runStarts.withUnsafeBufferPointer { starts in
            for (index, sequence) in sequences.enumerated() {
                precondition(
                    sequence.rows.lowerBound >= 0 && sequence.rows.upperBound <= rows,
                    "rows \(sequence.rows) of \(rows)")
                var list = dms_attention_sequence()
                list.first_row = sequence.rows.lowerBound
                list.rows = sequence.rows.count
                list.first_position = sequence.firstPosition
                list.runs = UnsafePointer(kernelRuns + firstRunOfSequence[index])
                list.run_starts = starts.baseAddress.map { $0 + sequence.firstRunStart }
                (lists + index).initialize(to: list)
            }
            body(UnsafeBufferPointer(start: lists, count: sequences.count))
        }
    }
}
