import DMSCheckpoint
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

/// Gates that are adapters against PyTorch's FP64: `Tests/Goldens/adapter`, written by the script beside it.
@Suite struct AdapterGoldenTests {
    static let golden = Result { try GoldenFile(CommittedGoldens.path("adapter/expected.safetensors")) }

    /// The checkpoint states its semantics as NVIDIA's trainer does.
    @Test func readsTheKeysOfTheTrainer() throws {
        let directory = try ModelDirectory.open(path: CommittedGoldens.path("adapter"))
        let metadata = try #require(try directory.dmsMetadata())
        #expect(metadata.profile == .nvidia)
        #expect(
            metadata.configuration
                == (try DMSConfiguration(
                    source: .adapter, channel: .last, decisionShift: 1, zeroing: .none, windowSize: 3,
                    windowInclusive: true, alphaScale: 3, alphaOffset: 0.5)))
    }

    @Test(arguments: [1, 3]) func equalsTheReference(threads: Int) throws {
        let golden = try Self.golden.get()
        let directory = try ModelDirectory.open(path: CommittedGoldens.path("adapter"))
        let kernels = try CPUKernels(threads: threads)
        let model = try LlamaModel(
            configuration: directory.configuration,
            weights: try LlamaWeights(directory, precision: .fp32, kernels: kernels),
            dms: try directory.dmsMetadata()?.configuration, precision: .fp32, kernels: kernels)
        let length = golden.shape("tokens")[1]
        let (layers, heads) = (model.configuration.layerCount, model.configuration.keyValueHeadCount)
        let vocabulary = model.configuration.vocabularySize
        for sequence in 0..<golden.shape("tokens")[0] {
            let tokens = Array(golden.integers("tokens")[sequence * length..<(sequence + 1) * length])
            let expected = golden.doubles("strict.logits")
            let gates = golden.doubles("strict.gate_logits")
            let recorder = Recorder()
            let found = try logits(
                model, tokens, pieces: sequence == 0 ? nil : [9, 1, 1, 15],
                attention: DenseAttention(strictMaskOf: model), observer: recorder)
            // Logits are of order 10: FP32 rounding through three layers.
            for (token, row) in found.enumerated() {
                let first = (sequence * length + token) * vocabulary
                #expect(maximumError([row], [Array(expected[first..<first + vocabulary])]) < 1e-4)
            }
            for layer in 0..<layers {
                let raw = try #require(recorder.values[.gateRaw(layer: layer)])
                for (token, row) in raw.enumerated() {
                    for (head, value) in row.enumerated() {
                        let wanted = gates[((sequence * layers + layer) * length + token) * heads + head]
                        #expect(abs(Double(value) * 3 - 0.5 - wanted) < 5e-5)
                        #expect(recorder.decisions[layer]?[token][head] == (wanted > 0))
                    }
                }
            }
        }
    }
}
