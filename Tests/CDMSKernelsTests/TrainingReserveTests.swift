import DMSTensor
import Testing

@Suite("Memory for training, ahead")
struct TrainingReserveTests {
    @Test("What no machine has is an error and not a trap")
    func tooMuch() throws {
        let kernels = try CPUKernels(threads: 1)
        let shape = AttentionShape(queryHeads: 32, keyValueHeads: 8, headDimension: 64)
        #expect(throws: MemoryError.self) {
            try kernels.reserve(TrainingFootprint(sequences: 1, length: 1 << 38, shape: shape, widest: 2048))
        }
        try kernels.reserve(TrainingFootprint(sequences: 2, length: 1024, shape: shape, widest: 2048))
    }
}
