import DMSCheckpoint
import DMSModel
import DMSTensor
import DMSTestSupport
import Testing

@testable import DMSEngine

/// A model that computes something that is no number, for some texts.
@Suite("Damage")
struct DamageTests {
    /// The tiny model with an embedding of NaN for one token.
    private static func model(damaging token: Int) throws -> LlamaModel {
        let sound = try Serving.model()
        let weights = sound.weights
        let count = weights.embedding.outputs * weights.embedding.inputs
        let buffer = try HostBuffer(byteCount: count * 4)
        buffer.pointer.copyMemory(from: weights.embedding.pointer, byteCount: count * 4)
        let values = buffer.pointer.assumingMemoryBound(to: Float.self)
        for index in 0..<weights.embedding.inputs { values[token * weights.embedding.inputs + index] = .nan }
        let embedding = LinearWeight(
            outputs: weights.embedding.outputs, inputs: weights.embedding.inputs, type: .float32,
            pointer: UnsafeRawPointer(buffer.pointer), owner: buffer)
        return try LlamaModel(
            configuration: sound.configuration,
            weights: LlamaWeights(
                embedding: embedding, layers: weights.layers, finalNorm: weights.finalNorm, head: weights.head),
            dms: sound.dms, precision: .fp32, kernels: sound.kernels)
    }

    @Test("only the request that meets the damage fails, and its neighbours do not notice")
    func isContained() async throws {
        var requests: [GenerationRequest] = []
        var expected: [Serving.Outcome] = []
        for request in try Serving.requests(8) {
            let outcome = try await Serving.alone(try Serving.model(), [request])[0]
            // Not those that meet the damage on their own.
            if (request.prompt + outcome.tokens).contains(96) { continue }
            requests.append(request)
            expected.append(outcome)
        }
        #expect(requests.count > 2)
        let engine = try Engine(try Self.model(damaging: 96), configuration: try Serving.configuration())
        let damaged = try (0..<3).map { index in
            try engine.submit(
                try GenerationRequest(prompt: Serving.prompt(7 + index, seed: 3) + [96, 5], maximumTokens: 20))
        }
        let streams = try requests.map { try engine.submit($0) }
        for stream in damaged {
            await #expect(throws: SamplingError.self) { try await stream.collect() }
        }
        #expect(try await Serving.outcomes(streams) == expected)
        await engine.shutDown()
        #expect(engine.statistics.failed == 3 && engine.statistics.pagesInUse == 0)
    }
}
