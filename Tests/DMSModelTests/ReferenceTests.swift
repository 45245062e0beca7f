import DMSCheckpoint
import DMSJSON
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

/// The graph against FP64 loops, on shapes that real checkpoints have and on odd ones.
@Suite struct ReferenceTests {
    struct Shape: Sendable, CustomStringConvertible {
        var heads: Int
        var keyValueHeads: Int
        var headDimension: Int
        var hidden: Int
        var isQwen3 = false
        var tied = true
        var attentionBias = false
        var feedForwardBias = false
        var dtype = "F32"
        var shards = 1
        var rope: JSONObject = JSONObject()

        var description: String {
            "\(isQwen3 ? "Qwen3, " : "")\(heads):\(keyValueHeads) heads of \(headDimension), hidden \(hidden), \(dtype), tied \(tied), \(shards) files"
        }
    }

    static let llama3 = JSONObject([
        "rope_scaling": .object(
            JSONObject([
                "rope_type": .string("llama3"), "factor": .number(8), "low_freq_factor": .number(1),
                "high_freq_factor": .number(4), "original_max_position_embeddings": .integer(64),
            ]))
    ])
    static let newSpelling = JSONObject([
        "rope_parameters": .object(
            JSONObject([
                "rope_type": .string("linear"), "factor": .number(2), "rope_theta": .number(10000),
            ]))
    ])

    static let shapes: [Shape] = [
        Shape(heads: 6, keyValueHeads: 2, headDimension: 8, hidden: 24),
        Shape(heads: 4, keyValueHeads: 4, headDimension: 6, hidden: 17, tied: false),
        Shape(heads: 8, keyValueHeads: 1, headDimension: 16, hidden: 33, attentionBias: true, dtype: "F16"),
        Shape(
            heads: 8, keyValueHeads: 2, headDimension: 2, hidden: 16, feedForwardBias: true, dtype: "BF16", shards: 3),
        Shape(heads: 3, keyValueHeads: 1, headDimension: 10, hidden: 30, rope: llama3),
        Shape(heads: 2, keyValueHeads: 2, headDimension: 4, hidden: 9, tied: false, shards: 2, rope: newSpelling),
        Shape(heads: 6, keyValueHeads: 2, headDimension: 10, hidden: 24, isQwen3: true),
        Shape(heads: 4, keyValueHeads: 4, headDimension: 32, hidden: 17, isQwen3: true, tied: false, dtype: "BF16"),
    ]

    static func load(_ shape: Shape, in folder: TemporaryFolder, threads: Int = 1) throws -> LlamaModel {
        var checkpoint = TinyCheckpoint()
        checkpoint.isQwen3 = shape.isQwen3
        checkpoint.heads = shape.heads
        checkpoint.keyValueHeads = shape.keyValueHeads
        checkpoint.headDimension = shape.headDimension
        checkpoint.hidden = shape.hidden
        checkpoint.tiesEmbeddings = shape.tied
        checkpoint.attentionBias = shape.attentionBias
        checkpoint.feedForwardBias = shape.feedForwardBias
        checkpoint.dtype = shape.dtype
        checkpoint.shards = shape.shards
        checkpoint.extraConfiguration = shape.rope
        try checkpoint.write(to: folder.path)
        return try open(folder.path, threads: threads)
    }

    static func open(_ path: String, precision: Precision = .fp32, threads: Int = 1) throws -> LlamaModel {
        let directory = try ModelDirectory.open(path: path)
        let kernels = try CPUKernels(threads: threads)
        let weights = try LlamaWeights(directory, precision: precision, kernels: kernels)
        return try LlamaModel(
            configuration: directory.configuration, weights: weights, dms: nil, precision: precision, kernels: kernels)
    }

    @Test(arguments: shapes)
    func equalsTheReference(_ shape: Shape) throws {
        let folder = try TemporaryFolder()
        let model = try Self.load(shape, in: folder)
        let tokens = randomTokens(29, vocabulary: model.configuration.vocabularySize, seed: 3)
        let expected = ReferenceLlama(model).forward(tokens).logits
        let found = try logits(model, tokens, attention: DenseAttention(model))
        // Logits are of order 1; FP32 rounding through two layers of this width stays below 1e-5.
        #expect(maximumError(found, expected) < 2e-5)
    }

    @Test(arguments: shapes)
    func doesNotDependOnPiecesOrThreads(_ shape: Shape) throws {
        let folder = try TemporaryFolder()
        let model = try Self.load(shape, in: folder)
        let tokens = randomTokens(41, vocabulary: model.configuration.vocabularySize, seed: 5)
        let whole = try logits(model, tokens, attention: DenseAttention(model))
        for seed in 0..<4 as Range<UInt64> {
            let pieces = seed == 0 ? Array(repeating: 1, count: 41) : randomPieces(41, seed: seed)
            #expect(try logits(model, tokens, pieces: pieces, attention: DenseAttention(model)) == whole)
        }
        let threaded = try Self.open(folder.path, threads: 3)
        #expect(try logits(threaded, tokens, attention: DenseAttention(threaded)) == whole)
    }

    /// With a bias where attention has one, in a file of several shards and types.
    @Test(arguments: [false, true], ["F32", "BF16", "F16"]) func gatesThatAreAdapters(bias: Bool, dtype: String) throws
    {
        let folder = try TemporaryFolder()
        var checkpoint = TinyCheckpoint()
        checkpoint.adapters = true
        checkpoint.attentionBias = bias
        checkpoint.dtype = dtype
        checkpoint.shards = 2
        try checkpoint.write(to: folder.path)
        let directory = try ModelDirectory.open(path: folder.path)
        let kernels = try CPUKernels(threads: 1)
        let model = try LlamaModel(
            configuration: directory.configuration,
            weights: try LlamaWeights(directory, precision: .fp32, kernels: kernels),
            dms: try directory.dmsMetadata()?.configuration, precision: .fp32, kernels: kernels)
        let tokens = randomTokens(29, vocabulary: 97, seed: 3)
        let expected = ReferenceLlama(model).forward(tokens, adapters: true) { raw in
            { layer, head, key, query in
                key <= query && (query - key <= 8 || raw[layer][key + 1][head] * 100 - 5 <= 0)
            }
        }
        let recorder = Recorder()
        let found = try logits(model, tokens, attention: DenseAttention(strictMaskOf: model), observer: recorder)
        #expect(maximumError(found, expected.logits) < 5e-5)
        let raw = recorder.values[.gateRaw(layer: 1)] ?? []
        #expect(maximumError(raw, expected.raw[1]) < 1e-5)
        #expect(directory.weights.names.contains { $0.hasSuffix("dms_proj_alpha.bias") } == bias)
    }

    @Test func bf16StaysNearFP32() throws {
        let folder = try TemporaryFolder()
        let exact = try Self.load(Self.shapes[3], in: folder)
        let rounded = try Self.open(folder.path, precision: .bf16)
        let tokens = randomTokens(29, vocabulary: 97, seed: 3)
        let a = try logits(exact, tokens, attention: DenseAttention(exact))
        let b = try logits(rounded, tokens, attention: DenseAttention(rounded))
        let worst = zip(a, b).map { maximumDifference($0, $1) }.max() ?? 0
        // One BF16 step is 2^-8 of a value; ten roundings of values of order 1 in a row.
        #expect(worst > 0 && worst < 0.1)
    }

    @Test func refusesWhatItCannotRun() throws {
        let folder = try TemporaryFolder()
        let model = try Self.load(Self.shapes[0], in: folder)
        #expect(throws: ModelError.self) { try logits(model, [97], attention: DenseAttention(model)) }
        #expect(throws: ModelError.self) { try logits(model, [-1], attention: DenseAttention(model)) }
        let workspace = try ForwardWorkspace(model.configuration, maximumRows: 2)
        let attention = DenseAttention(model)
        #expect(throws: ModelError.self) {
            _ = try model.forward(
                ForwardBatch(tokens: [1, 2, 3], firstPosition: 0), attention: attention, workspace: workspace)
        }
        #expect(throws: ModelError.self) {
            _ = try model.forward(
                ForwardBatch(tokens: [1], firstPosition: 4), attention: attention, workspace: workspace)
        }
    }
}
