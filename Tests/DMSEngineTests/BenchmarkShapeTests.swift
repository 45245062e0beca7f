import DMSCheckpoint
import DMSEngine
import Testing

/// Shapes have as many parameters as the models that they are named after, by their publishers' count.
@Suite struct BenchmarkShapeTests {
    @Test(arguments: [(BenchmarkShape.llama32OneBillion, 1_235_814_400), (.qwen3SixHundredMillion, 596_049_920)])
    func hasTheParametersOfTheModel(_ shape: BenchmarkShape, _ count: Int) throws {
        let tensors = try shape.configuration().expectedTensors
        #expect(tensors.reduce(0) { $0 + $1.shape.reduce(1, *) } == count)
    }
}
