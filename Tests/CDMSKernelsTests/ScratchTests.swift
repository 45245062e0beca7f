import Testing

@testable import DMSTensor

/// What happens when the system has no memory for intermediate results.
///
/// The shapes are so large that no machine has the address space; nothing of them is ever touched.
@Suite("Scratch memory")
struct ScratchTests {
    private static let vast = 1 << 50

    @Test("more than there is is refused, and what was there stays")
    func refusal() throws {
        let kernels = try CPUKernels(threads: 1)
        let (before, size) = try kernels.reservedScratch(1000)
        #expect(size >= 1000)
        let error = try #require(throws: MemoryError.self) { _ = try kernels.reservedScratch(Self.vast) }
        #expect(error.requestedBytes == Self.vast)
        let (after, _) = try kernels.reservedScratch(1000)
        #expect(after == before)
        #expect(kernels.scratch(900).0 == before)
    }

    @Test("a reservation covers linear layers of any number of rows", arguments: [Precision.fp32, .bf16, .int8])
    func linear(precision: Precision) throws {
        let kernels = try CPUKernels(threads: 1)
        #expect(throws: MemoryError.self) { try kernels.reserveLinear(inputs: Self.vast, precision: precision) }
        let inputs = 3
        try kernels.reserveLinear(inputs: inputs, precision: precision)
        let (before, size) = try kernels.reservedScratch(1)
        let rows = 3000
        let input = try Tensor(rows: rows, columns: inputs)
        let output = try Tensor(rows: rows, columns: 1)
        let storage = try HostBuffer(byteCount: 64)
        let weight = LinearWeight(
            outputs: 1, inputs: inputs, type: .bfloat16, pointer: UnsafeRawPointer(storage.pointer), bias: nil,
            owner: storage)
        kernels.linear(input.view, precision: precision, LinearTask(weight, into: output.view))
        #expect(try kernels.reservedScratch(1) == (before, size))
    }

    @Test("attention over more keys than there is memory for throws and writes nothing")
    func attention() throws {
        let kernels = try CPUKernels(threads: 1)
        let shape = AttentionShape(queryHeads: 2, keyValueHeads: 1, headDimension: 4)
        let queries = try Tensor(rows: 1, columns: 8)
        let output = try Tensor(rows: 1, columns: 8)
        output.view[0, 5] = 7
        let storage = try HostBuffer(byteCount: 64)
        var batch = AttentionBatch(keyValueHeads: 1)
        batch.addSequence(rows: 0..<1, firstPosition: 0) { _, runs in
            runs.append(KVRun(keys: storage.pointer, values: storage.pointer, count: Self.vast))
        }
        #expect(throws: MemoryError.self) {
            try kernels.attention(
                queries.view, batch, shape: shape, kvType: .float32, precision: .fp32, into: output.view)
        }
        #expect(output.view[0, 5] == 7)
    }
}
