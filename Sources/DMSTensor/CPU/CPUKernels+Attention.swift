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
        batch.withKernelLists(rows: queries.rows) { sequences in
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
    /// Lends the lists in the kernels' own form, without allocating on the heap.
    fileprivate borrowing func withKernelLists(
        rows: Int, _ body: (UnsafeBufferPointer<dms_attention_sequence>) -> Void
    ) {
        withUnsafeTemporaryAllocation(of: dms_kv_run.self, capacity: max(1, runs.count)) { kernelRuns in
            for (index, run) in runs.enumerated() {
                kernelRuns.initializeElement(
                    at: index,
                    to: dms_kv_run(
                        keys: run.keys, values: run.values, key_scales: run.keyScales, value_scales: run.valueScales,
                        count: run.count, first_query: run.firstQuery, last_query: run.lastQuery))
            }
            runStarts.withUnsafeBufferPointer { starts in
                withUnsafeTemporaryAllocation(of: dms_attention_sequence.self, capacity: max(1, sequences.count)) {
                    lists in
                    for (index, sequence) in sequences.enumerated() {
                        precondition(
                            sequence.rows.lowerBound >= 0 && sequence.rows.upperBound <= rows,
                            "rows \(sequence.rows) of \(rows)")
                        var list = dms_attention_sequence()
                        list.first_row = sequence.rows.lowerBound
                        list.rows = sequence.rows.count
                        list.first_position = sequence.firstPosition
                        list.runs = kernelRuns.baseAddress.map { UnsafePointer($0 + firstRunOfSequence[index]) }
                        list.run_starts = starts.baseAddress.map { $0 + sequence.firstRunStart }
                        lists.initializeElement(at: index, to: list)
                    }
                    body(UnsafeBufferPointer(rebasing: lists[0..<sequences.count]))
                }
            }
        }
    }
}
