import DMSCheckpoint
import DMSEngine
import DMSJSON
import DMSModel
import DMSTensor
import DMSTestSupport
import Testing

@Suite("Token generation")
struct TokenGeneratorTests {
    private static let prompt: [Int32] = (0..<23).map { ($0 * 37 + 5) % 97 }

    private static func model(maximumPositions: Int64 = 4096) throws -> LlamaModel {
        var checkpoint = TinyCheckpoint()
        checkpoint.extraConfiguration["max_position_embeddings"] = .integer(maximumPositions)
        return try TinyModel.make(try LlamaConfiguration(checkpoint.configuration), seed: 3)
    }

    private static func generate(
        _ model: LlamaModel, _ parameters: GenerationParameters, prompt: [Int32] = prompt,
        isCancelled: @escaping () -> Bool = { false }
    ) throws -> (tokens: [Int32], reason: FinishReason?, timings: GenerationTimings) {
        var generator = try TokenGenerator(
            model, attention: DenseAttention(model), prompt: prompt, parameters: parameters, isCancelled: isCancelled)
        var tokens: [Int32] = []
        while let token = try generator.next() { tokens.append(token) }
        #expect(generator.tokens == tokens)
        #expect(try generator.next() == nil)
        return (tokens, generator.finishReason, generator.timings)
    }

    /// The definition: the whole text from the start for every token, no cache carried over.
    private static func reference(_ model: LlamaModel, count: Int) throws -> [Int32] {
        var tokens = prompt
        for _ in 0..<count {
            let workspace = try ForwardWorkspace(model.configuration, maximumRows: tokens.count)
            let logits = try Tensor(rows: 1, columns: model.configuration.vocabularySize)
            let hidden = try model.forward(
                ForwardBatch(tokens: tokens, firstPosition: 0), attention: DenseAttention(model), workspace: workspace)
            model.logits(hidden.rows(tokens.count - 1..<tokens.count), into: logits.view)
            let row = logits.view.row(0)
            tokens.append(Int32(row.indices.max { row[$0] < row[$1] || (row[$0] == row[$1] && $0 > $1) } ?? 0))
        }
        return Array(tokens.dropFirst(prompt.count))
    }

    @Test("greedy continuation equals running the whole text again for every token, at any prefill chunk")
    func equalsReference() throws {
        let model = try Self.model()
        let expected = try Self.reference(model, count: 12)
        #expect(Set(expected).count > 3)
        for chunk in [1, 2, 7, 22, 23, 24, 512] {
            let parameters = try GenerationParameters(maximumTokens: 12, prefillChunk: chunk)
            let result = try Self.generate(model, parameters)
            #expect(result.tokens == expected, "prefill chunk \(chunk)")
            #expect(result.reason == .length)
            #expect(result.timings.prefillTokens == Self.prompt.count)
            #expect(result.timings.decodeTokens == 11)
        }
    }

    @Test("an end token is part of the ids and ends the continuation")
    func endToken() throws {
        let model = try Self.model()
        let all = try Self.generate(model, try GenerationParameters(maximumTokens: 12)).tokens
        let end = all[4]
        let parameters = try GenerationParameters(maximumTokens: 12, endTokens: [end, 96])
        let result = try Self.generate(model, parameters)
        #expect(result.tokens == Array(all[...(all.firstIndex(of: end) ?? 0)]))
        #expect(result.reason == .stop)
    }

    @Test("sampling repeats with its seed and differs with another")
    func seeds() throws {
        let model = try Self.model()
        func run(_ seed: UInt64, chunk: Int) throws -> [Int32] {
            let sampling = try SamplingParameters(temperature: 1, topP: 0.95, seed: seed)
            let parameters = try GenerationParameters(sampling: sampling, maximumTokens: 20, prefillChunk: chunk)
            return try Self.generate(model, parameters).tokens
        }
        #expect(try run(5, chunk: 512) == run(5, chunk: 3))
        #expect(try run(5, chunk: 512) != run(6, chunk: 512))
    }

    @Test("the continuation stops where the model's positions end")
    func contextLimit() throws {
        let model = try Self.model(maximumPositions: 26)
        let result = try Self.generate(model, try GenerationParameters(maximumTokens: 12))
        // Positions 23, 24 and 25 can be run; what the last of them predicts is the fourth token.
        #expect(result.tokens.count == 4)
        #expect(result.reason == .contextLimit)
        #expect(throws: PromptError.tooLong(tokens: 27, limit: 26)) {
            try Self.generate(model, try GenerationParameters(maximumTokens: 1), prompt: Array(repeating: 1, count: 27))
        }
    }

    @Test("cancelling ends before the next pass, during the prefill too")
    func cancels() throws {
        let model = try Self.model()
        var passes = 0
        let parameters = try GenerationParameters(maximumTokens: 12, prefillChunk: 10)
        let during = try Self.generate(model, parameters) {
            passes += 1
            return passes > 2
        }
        #expect(during.tokens.isEmpty)
        #expect(during.reason == .cancelled)
        #expect(during.timings.prefillTokens == 20)
        passes = 0
        let after = try Self.generate(model, parameters) {
            passes += 1
            return passes > 5
        }
        #expect(after.tokens.count == 3)
        #expect(after.reason == .cancelled)
    }

    @Test("wrong parameters and prompts are refused by name")
    func refused() throws {
        let model = try Self.model()
        #expect(throws: PromptError.empty) {
            try Self.generate(model, try GenerationParameters(maximumTokens: 1), prompt: [])
        }
        #expect(throws: ModelError.self) {
            try Self.generate(model, try GenerationParameters(maximumTokens: 1), prompt: [1, 97])
        }
        for (field, make) in [
            ("maximumTokens", { try GenerationParameters(maximumTokens: 0) }),
            ("prefillChunk", { try GenerationParameters(maximumTokens: 1, prefillChunk: 0) }),
        ] as [(String, () throws -> GenerationParameters)] {
            let error = #expect(throws: ParameterError.self) { _ = try make() }
            #expect(error?.field == field)
        }
    }

    @Test("golden greedy continuations", .enabled(if: SharedFiles.areAvailable))
    func golden() throws {
        let directory = try ModelDirectory.open(path: SharedFiles.path("models/wiki-llama-8m"))
        let kernels = try CPUKernels(threads: 2)
        let model = try LlamaModel(
            configuration: directory.configuration,
            weights: try LlamaWeights(directory, precision: .fp32, kernels: kernels), dms: nil, precision: .fp32,
            kernels: kernels)
        let cases = try GoldenGreedy.all()
        #expect(cases.count == 4)
        for golden in cases {
            for chunk in [3, 512] {
                let parameters = try GenerationParameters(
                    maximumTokens: golden.continuation.count, endTokens: [1], prefillChunk: chunk)
                let result = try Self.generate(model, parameters, prompt: golden.prompt)
                #expect(result.tokens == golden.continuation)
            }
        }
    }
}
