import CDMSKernels
import DMSTestSupport
import Foundation

/// Random inputs of training's attention, and what forward and backward should give.
struct SoftAttentionProblem {
    /// What the biases of the keys look like.
    enum Bias: CaseIterable {
        case none
        /// Moderate, from a query on that grows with the key.
        case window
        /// Moderate, from queries on in no order, some never.
        case scattered
        /// As far as log(1 - alpha) goes when alpha saturates, and -infinity.
        case saturated
        case removed
    }

    let sequences: Int
    let length: Int
    let kvHeads: Int
    let group: Int
    let headDim: Int
    var q: [Float]
    var k: [Float]
    var v: [Float]
    var gradOut: [Float]
    /// `[sequences, kvHeads, length]` and `[length]`; empty without a bias.
    var bias: [Float] = []
    var lastUnbiased: [Int32] = []

    var rows: Int { sequences * length }
    var queryHeads: Int { kvHeads * group }
    /// No two strides are equal, and all leave gaps that nothing may be written to.
    var queryStride: Int { queryHeads * headDim + 3 }
    var keyStride: Int { kvHeads * headDim + 1 }
    var valueStride: Int { kvHeads * headDim + 2 }
    var outStride: Int { queryHeads * headDim + 5 }
    var scale: Float { 1 / Float(headDim).squareRoot() }

    init(
        sequences: Int = 1, length: Int, kvHeads: Int = 1, group: Int = 1, headDim: Int, bias kind: Bias, seed: UInt64
    ) {
        var generator = SeededGenerator(seed: seed)
        self.sequences = sequences
        self.length = length
        self.kvHeads = kvHeads
        self.group = group
        self.headDim = headDim
        func numbers(_ count: Int) -> [Float] { (0..<count).map { _ in 2 * generator.signed() } }
        let rows = sequences * length, queries = kvHeads * group * headDim, keys = kvHeads * headDim
        q = numbers(rows * (queries + 3))
        k = numbers(rows * (keys + 1))
        v = numbers(rows * (keys + 2))
        gradOut = numbers(rows * (queries + 5))
        if kind == .none { return }
        bias = (0..<sequences * kvHeads * length).map { _ in
            let moderate = -3 * Float.random(in: 0..<1, using: &generator)
            switch kind {
            case .saturated: return Bool.random(using: &generator) ? -1e3 : moderate
            case .removed: return Bool.random(using: &generator) ? -.infinity : moderate
            default: return moderate
            }
        }
        let window = Int32.random(in: 0...Int32(length / 3), using: &generator)
        lastUnbiased = (0..<Int32(length)).map { key in
            guard kind == .scattered else { return key + window }
            return Int.random(in: 0..<4, using: &generator) == 0
                ? .max : key + Int32.random(in: 0...Int32(length / 2), using: &generator)
        }
    }

    func queryIndex(_ sequence: Int, _ head: Int, _ i: Int) -> Int {
        (sequence * length + i) * queryStride + head * headDim
    }
    func outIndex(_ sequence: Int, _ head: Int, _ i: Int) -> Int {
        (sequence * length + i) * outStride + head * headDim
    }
    func keyIndex(_ sequence: Int, _ head: Int, _ j: Int) -> Int {
        (sequence * length + j) * keyStride + head * headDim
    }
    func valueIndex(_ sequence: Int, _ head: Int, _ j: Int) -> Int {
        (sequence * length + j) * valueStride + head * headDim
    }
    func biasIndex(_ sequence: Int, _ head: Int, _ j: Int) -> Int { (sequence * kvHeads + head) * length + j }
    func sumIndex(_ sequence: Int, _ head: Int, _ i: Int) -> Int { (sequence * queryHeads + head) * length + i }
}

/// Everything that forward and backward write, in the layouts of the problem; NaN where nothing may be written.
struct SoftAttentionResult<Number: BinaryFloatingPoint> {
    var out: [Number]
    var logSumExp: [Number]
    var gradQ: [Number]
    var gradK: [Number]
    var gradV: [Number]
    var gradBias: [Number]

    init(_ problem: SoftAttentionProblem) {
        out = Array(repeating: .nan, count: problem.rows * problem.outStride)
        logSumExp = Array(repeating: .nan, count: problem.rows * problem.queryHeads)
        gradQ = Array(repeating: .nan, count: problem.q.count)
        gradK = Array(repeating: .nan, count: problem.k.count)
        gradV = Array(repeating: .nan, count: problem.v.count)
        gradBias = Array(repeating: .nan, count: problem.bias.count)
    }

    var parts: [(name: String, numbers: [Number])] {
        [
            ("out", out), ("log_sum_exp", logSumExp), ("grad_q", gradQ), ("grad_k", gradK), ("grad_v", gradV),
            ("grad_bias", gradBias),
        ]
    }
}

extension SoftAttentionProblem {
    /// Attention by its definition in FP64, with whole matrices of queries × keys, and its gradients by the chain rule.
    func expected() -> SoftAttentionResult<Double> {
        var result = SoftAttentionResult<Double>(self)
        for sequence in 0..<sequences {
            for head in 0..<kvHeads {
                for j in 0..<length {
                    for c in 0..<headDim {
                        result.gradK[keyIndex(sequence, head, j) + c] = 0
                        result.gradV[valueIndex(sequence, head, j) + c] = 0
                    }
                    if !bias.isEmpty { result.gradBias[biasIndex(sequence, head, j)] = 0 }
                }
                for member in 0..<group { addHead(sequence, head, head * group + member, &result) }
            }
        }
        return result
    }

    private func isBiased(_ i: Int, _ j: Int) -> Bool { !bias.isEmpty && i > Int(lastUnbiased[j]) }

    private func addHead(_ sequence: Int, _ kvHead: Int, _ head: Int, _ result: inout SoftAttentionResult<Double>) {
        let scale = Double(self.scale)
        func rows(_ numbers: [Float], _ index: (Int) -> Int) -> [[Double]] {
            (0..<length).map { numbers[index($0)..<index($0) + headDim].map { Double($0) } }
        }
        let q = rows(self.q) { queryIndex(sequence, head, $0) }, k = rows(self.k) { keyIndex(sequence, kvHead, $0) }
        let v = rows(self.v) { valueIndex(sequence, kvHead, $0) }
        let g = rows(gradOut) { outIndex(sequence, head, $0) }
        for i in 0..<length {
            let scores = (0...i).map { j in
                scale * dot(q[i], k[j]) + (isBiased(i, j) ? Double(bias[biasIndex(sequence, kvHead, j)]) : 0)
            }
            let largest = scores.max() ?? 0
            let total = scores.reduce(0) { $0 + exp($1 - largest) }
            let p = scores.map { exp($0 - largest) / total }
            result.logSumExp[sumIndex(sequence, head, i)] = largest + log(total)
            let gradP = (0...i).map { dot(g[i], v[$0]) }
            let mean = dot(p, gradP)
            let out = outIndex(sequence, head, i), query = queryIndex(sequence, head, i)
            for c in 0..<headDim { (result.out[out + c], result.gradQ[query + c]) = (0, 0) }
            for j in 0...i {
                let gradScore = p[j] * (gradP[j] - mean)
                if isBiased(i, j) { result.gradBias[biasIndex(sequence, kvHead, j)] += gradScore }
                add(p[j], v[j], to: &result.out, at: out)
                add(p[j], g[i], to: &result.gradV, at: valueIndex(sequence, kvHead, j))
                add(scale * gradScore, k[j], to: &result.gradQ, at: query)
                add(scale * gradScore, q[i], to: &result.gradK, at: keyIndex(sequence, kvHead, j))
            }
        }
    }

    // Over raw pointers, because they are what tests, built without optimisation, spend their time in.
    private func dot(_ a: [Double], _ b: [Double]) -> Double {
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                var sum = 0.0, index = 0
                while index < a.count {
                    sum += a[index] * b[index]
                    index += 1
                }
                return sum
            }
        }
    }

    private func add(_ factor: Double, _ row: [Double], to sums: inout [Double], at start: Int) {
        row.withUnsafeBufferPointer { row in
            sums.withUnsafeMutableBufferPointer { sums in
                var index = 0
                while index < row.count {
                    sums[start + index] += factor * row[index]
                    index += 1
                }
            }
        }
    }

    /// The sum over all outputs of out · gradOut, in FP64, whose gradients backward gives.
    func loss() -> Double {
        let out = expected().out
        return zip(out, gradOut).reduce(0) { $1.0.isNaN ? $0 : $0 + $1.0 * Double($1.1) }
    }

    /// Forward and backward of the kernel.
    func run(_ isa: dms_isa, threads: Int = 1) -> SoftAttentionResult<Float> {
        var result = SoftAttentionResult<Float>(self)
        let memory = TestMemory()
        var args = dms_soft_attention_args()
        args.q = UnsafePointer(memory.copy(q))
        args.k = UnsafePointer(memory.copy(k))
        args.v = UnsafePointer(memory.copy(v))
        (args.q_stride, args.k_stride, args.v_stride, args.out_stride) = (
            queryStride, keyStride, valueStride, outStride
        )
        (args.sequences, args.length) = (sequences, length)
        (args.query_heads, args.kv_heads, args.head_dim) = (queryHeads, kvHeads, headDim)
        args.scale = scale
        if !bias.isEmpty {
            args.bias = UnsafePointer(memory.copy(bias))
            args.last_unbiased = UnsafePointer(memory.copy(lastUnbiased))
        }
        args.out = memory.copy(result.out)
        args.log_sum_exp = memory.copy(result.logSumExp)
        KernelContext.with(isa, threads: threads) { context in
            Self.withScratch(dms_soft_attention_scratch_bytes(context, &args), &args) {
                dms_soft_attention(context, &$0)
            }
            args.grad_out = UnsafePointer(memory.copy(gradOut))
            args.grad_q = memory.copy(result.gradQ)
            args.grad_k = memory.copy(result.gradK)
            args.grad_v = memory.copy(result.gradV)
            if !bias.isEmpty { args.grad_bias = memory.copy(result.gradBias) }
            Self.withScratch(dms_soft_attention_backward_scratch_bytes(context, &args), &args) {
                dms_soft_attention_backward(context, &$0)
            }
        }
        func read(_ pointer: UnsafeMutablePointer<Float>, into numbers: inout [Float]) {
            for index in numbers.indices { numbers[index] = pointer[index] }
        }
        read(args.out, into: &result.out)
        read(args.log_sum_exp, into: &result.logSumExp)
        read(args.grad_q, into: &result.gradQ)
        read(args.grad_k, into: &result.gradK)
        read(args.grad_v, into: &result.gradV)
        if !bias.isEmpty { read(args.grad_bias, into: &result.gradBias) }
        return withExtendedLifetime(memory) { result }
    }

    /// NaN everywhere in the scratch memory: nothing may be read before it is written, nor written behind the end.
    private static func withScratch(
        _ bytes: Int, _ args: inout dms_soft_attention_args, _ body: (inout dms_soft_attention_args) -> Void
    ) {
        let guardBytes = 64
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes + guardBytes, alignment: 64)
        defer { scratch.deallocate() }
        scratch.initializeMemory(as: UInt8.self, repeating: 0xff)
        (args.scratch, args.scratch_bytes) = (scratch.baseAddress, bytes)
        body(&args)
        precondition(scratch.suffix(guardBytes).allSatisfy { $0 == 0xff }, "scratch overrun")
    }
}
