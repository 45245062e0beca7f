import CDMSKernels
import DMSTestSupport
import Foundation

/// Random sequences with random visibility, and what attention over them should give.
struct AttentionProblem {
    struct Head {
        var keys: [Float]
        var values: [Float]
        var first: [Int32]
        var last: [Int32]

        var count: Int { first.count }
    }

    struct Sequence {
        var firstRow: Int
        var rows: Int
        var firstPosition: Int
        var heads: [Head]
    }

    let type: dms_dtype
    let headDim: Int
    let kvHeads: Int
    let group: Int
    var sequences: [Sequence] = []
    var queries: [Float] = []
    var rows = 0
    let stride: Int
    let scale: Float

    /// `poison`: values seen by some queries only may be NaN.
    init(
        type: dms_dtype, headDim: Int, kvHeads: Int, group: Int, rows: [Int], slots: Int, poison: Bool = false,
        generator: inout SeededGenerator
    ) {
        self.type = type
        self.headDim = headDim
        self.kvHeads = kvHeads
        self.group = group
        stride = kvHeads * group * headDim + 5
        scale = 1 / Float(headDim).squareRoot()
        for count in rows {
            let position = Int.random(in: 0...300, using: &generator)
            let heads = (0..<kvHeads).map { _ in
                let slots = Int.random(in: 0...slots, using: &generator)
                return Self.head(slots, headDim, position..<position + count, poison, &generator)
            }
            sequences.append(Sequence(firstRow: self.rows, rows: count, firstPosition: position, heads: heads))
            self.rows += count
        }
        queries = (0..<self.rows * stride).map { _ in 2 * generator.signed() }
    }

    private static func head(
        _ slots: Int, _ dim: Int, _ positions: Range<Int>, _ poison: Bool, _ generator: inout SeededGenerator
    ) -> Head {
        var head = Head(
            keys: (0..<slots * dim).map { _ in 2 * generator.signed() },
            values: (0..<slots * dim).map { _ in 2 * generator.signed() },
            first: Array(repeating: .min, count: slots), last: Array(repeating: .max, count: slots))
        // Stretches of slots: seen always, from a position on, up to a position, or between two.
        var slot = 0
        while slot < slots {
            let end = min(slots, slot + Int.random(in: 1...200, using: &generator))
            let kind = Int.random(in: 0..<4, using: &generator)
            for index in slot..<end {
                let first = Int32.random(
                    in: Int32(positions.lowerBound) - 3...Int32(positions.upperBound) + 3, using: &generator)
                if kind & 1 == 1 { head.first[index] = first }
                if kind & 2 == 2 { head.last[index] = first + Int32.random(in: 0...9, using: &generator) }
                if poison && kind == 3 && index % 37 == 0 { head.values[index * dim + index % dim] = .nan }
            }
            slot = end
        }
        return head
    }

    /// Naive softmax attention in FP64, [rows][stride]; what lies between rows is 0.
    func expected() -> [Double] {
        var result = Array(repeating: 0.0, count: rows * stride)
        for sequence in sequences {
            for (index, head) in sequence.heads.enumerated() {
                let keys = StoredRows(type, head.keys, dim: headDim).widened(type, dim: headDim)
                let values = StoredRows(type, head.values, dim: headDim).widened(type, dim: headDim)
                for row in 0..<sequence.rows {
                    for member in 0..<group {
                        let offset = (sequence.firstRow + row) * stride + (index * group + member) * headDim
                        let position = Int32(sequence.firstPosition + row)
                        attend(head, keys, values, position, offset, &result)
                    }
                }
            }
        }
        return result
    }

    private func attend(
        _ head: Head, _ keys: [Double], _ values: [Double], _ position: Int32, _ offset: Int, _ result: inout [Double]
    ) {
        let seen = (0..<head.count).filter { head.first[$0] <= position && position <= head.last[$0] }
        var scores: [Double] = []
        for slot in seen {
            var sum = 0.0
            for c in 0..<headDim { sum += Double(queries[offset + c]) * keys[slot * headDim + c] }
            scores.append(sum * Double(scale))
        }
        guard let largest = scores.max() else { return }
        let weights = scores.map { exp($0 - largest) }
        let total = weights.reduce(0, +)
        for (weight, slot) in zip(weights, seen) {
            for c in 0..<headDim { result[offset + c] += weight / total * values[slot * headDim + c] }
        }
    }
}

/// One call, or several, of the kernel on a problem.
struct AttentionRun {
    var isa: dms_isa
    var threads = 1
    var precision = DMS_PRECISION_FP32
    /// Rows of a sequence per call, each then a call of its own; nil: all sequences in one call.
    var rowsPerCall: Int?
    /// Longest run that the slots are cut into.
    var longestRun = 200

    func callAsFunction(_ problem: AttentionProblem, seed: UInt64 = 0) -> [Float] {
        let memory = TestMemory()
        var generator = SeededGenerator(seed: seed)
        var out = Array(repeating: Float(0), count: problem.rows * problem.stride)
        let sequences = problem.sequences.map { sequence(problem, $0, memory, &generator) }
        KernelContext.with(isa, threads: threads) { context in
            guard let rowsPerCall else { return call(context, problem, sequences, &out) }
            for sequence in sequences {
                for start in stride(from: 0, to: sequence.rows, by: rowsPerCall) {
                    var piece = sequence
                    piece.first_row += start
                    piece.first_position += Int32(start)
                    piece.rows = min(rowsPerCall, sequence.rows - start)
                    call(context, problem, [piece], &out)
                }
            }
        }
        return withExtendedLifetime(memory) { out }
    }

    private func sequence(
        _ problem: AttentionProblem, _ sequence: AttentionProblem.Sequence, _ memory: TestMemory,
        _ generator: inout SeededGenerator
    ) -> dms_attention_sequence {
        var runs: [dms_kv_run] = []
        var starts: [UInt32] = [0]
        for head in sequence.heads {
            var slot = 0
            while slot < head.count {
                let count = min(head.count - slot, Int.random(in: 1...longestRun, using: &generator))
                runs.append(run(problem, head, slot..<slot + count, memory))
                slot += count
            }
            starts.append(UInt32(runs.count))
        }
        return dms_attention_sequence(
            first_row: sequence.firstRow, rows: sequence.rows, first_position: Int32(sequence.firstPosition),
            runs: UnsafePointer(memory.copy(runs)), run_starts: UnsafePointer(memory.copy(starts)))
    }

    private func run(
        _ problem: AttentionProblem, _ head: AttentionProblem.Head, _ slots: Range<Int>, _ memory: TestMemory
    ) -> dms_kv_run {
        let elements = slots.lowerBound * problem.headDim..<slots.upperBound * problem.headDim
        let keys = StoredRows(problem.type, Array(head.keys[elements]), dim: problem.headDim)
        let values = StoredRows(problem.type, Array(head.values[elements]), dim: problem.headDim)
        let first = head.first[slots], last = head.last[slots]
        return dms_kv_run(
            keys: memory.copy(keys.bytes), values: memory.copy(values.bytes),
            key_scales: keys.scales.isEmpty ? nil : UnsafePointer(memory.copy(keys.scales)),
            value_scales: values.scales.isEmpty ? nil : UnsafePointer(memory.copy(values.scales)),
            count: slots.count,
            first_query: first.allSatisfy { $0 == .min } ? nil : UnsafePointer(memory.copy(Array(first))),
            last_query: last.allSatisfy { $0 == .max } ? nil : UnsafePointer(memory.copy(Array(last))))
    }

    private func call(
        _ context: OpaquePointer, _ problem: AttentionProblem, _ sequences: [dms_attention_sequence],
        _ out: inout [Float]
    ) {
        problem.queries.withUnsafeBufferPointer { queries in
            out.withUnsafeMutableBufferPointer { out in
                sequences.withUnsafeBufferPointer { sequences in
                    var args = dms_attention_args(
                        q: queries.baseAddress, q_stride: problem.stride, out: out.baseAddress,
                        out_stride: problem.stride, query_heads: problem.kvHeads * problem.group,
                        kv_heads: problem.kvHeads, head_dim: problem.headDim, scale: problem.scale,
                        kv_type: problem.type, precision: precision, sequences: sequences.baseAddress,
                        sequence_count: sequences.count, scratch: nil, scratch_bytes: 0)
                    args.scratch_bytes = dms_attention_scratch_bytes(context, &args)
                    let guardBytes = 64
                    let scratch = UnsafeMutableRawBufferPointer.allocate(
                        byteCount: args.scratch_bytes + guardBytes, alignment: 64)
                    defer { scratch.deallocate() }
                    // NaN everywhere: nothing may be read before it is written, nor written behind the end.
                    scratch.initializeMemory(as: UInt8.self, repeating: 0xff)
                    args.scratch = scratch.baseAddress
                    dms_attention(context, &args)
                    precondition(scratch.suffix(guardBytes).allSatisfy { $0 == 0xff }, "scratch overrun")
                }
            }
        }
    }
}
