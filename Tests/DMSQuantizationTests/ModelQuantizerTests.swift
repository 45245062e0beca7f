import DMSCheckpoint
import DMSJSON
import DMSModel
import DMSPolicy
import DMSQuantization
import DMSTensor
import DMSTestSupport
import Foundation
import Testing

@Suite struct ModelQuantizerTests {
    private static func checkpoint(
        dtype: String = "BF16", shards: Int = 1, tied: Bool = true, biases: Bool = false
    ) -> TinyCheckpoint {
        var checkpoint = TinyCheckpoint()
        checkpoint.hidden = 64
        checkpoint.heads = 8
        checkpoint.feedForward = 160
        checkpoint.dtype = dtype
        checkpoint.shards = shards
        checkpoint.tiesEmbeddings = tied
        checkpoint.attentionBias = biases
        checkpoint.feedForwardBias = biases
        return checkpoint
    }

    private static func quantize(
        _ source: String, to output: String, _ type: GroupedFormat.IntegerType, groupSize: Int = 32,
        scaleChoice: ScaleChoice = .search, threads: Int = 2
    ) throws -> ModelQuantizer.Summary {
        try ModelQuantizer(
            path: source, format: GroupedFormat(type, groupSize: groupSize), scaleChoice: scaleChoice,
            kernels: try CPUKernels(threads: threads)
        ).write(to: output)
    }

    static func logits(_ model: LlamaModel, _ tokens: [Int32]) throws -> [[Float]] {
        let workspace = try ForwardWorkspace(model.configuration, maximumRows: tokens.count)
        let output = try Tensor(rows: tokens.count, columns: model.configuration.vocabularySize)
        let hidden = try model.forward(
            ForwardBatch(tokens: tokens, firstPosition: 0), attention: DenseAttention(model), workspace: workspace)
        model.logits(hidden, into: output.view)
        return tokens.indices.map { Array(output.view.row($0)) }
    }

    private static func open(_ path: String, precision: Precision = .fp32) throws -> LlamaModel {
        let directory = try ModelDirectory.open(path: path)
        let kernels = try CPUKernels(threads: 2)
        return try LlamaModel(
            configuration: directory.configuration,
            weights: try LlamaWeights(directory, precision: precision, kernels: kernels), dms: nil,
            precision: precision, kernels: kernels)
    }

    /// The weights of a layer as its three tensors state them, read without the product's binding.
    private static func weights(_ directory: ModelDirectory, _ layer: String) throws -> [Double] {
        let codes = try #require(directory.weights[layer + ".weight_packed"])
        let scales = try #require(try directory.weights[layer + ".weight_scale"]?.floats())
        let (outputs, words) = (codes.shape[0], codes.shape[1])
        let scheme = try #require(directory.configuration.quantization?.scheme(of: layer))
        let perWord = 32 / scheme.bits
        var weights: [Double] = []
        for index in 0..<outputs * words {
            let word = UInt32(littleEndian: codes.bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
            for lane in 0..<perWord {
                let code = Int(word >> UInt32(lane * scheme.bits) & (1 << UInt32(scheme.bits) - 1))
                let scale = Double(scales[weights.count / scheme.groupSize])
                weights.append(Double(code - 1 << (scheme.bits - 1)) * scale)
            }
        }
        return weights
    }

    struct Shape: Sendable, CustomStringConvertible {
        var dtype = "BF16"
        var shards = 1
        var tied = true
        var biases = false
        var type = GroupedFormat.IntegerType.int8
        var description: String { "\(dtype), \(shards) files, tied \(tied), biases \(biases), \(type)" }
    }

    static let shapes = [
        Shape(), Shape(type: .int4), Shape(dtype: "F32", shards: 3, tied: false, type: .int4),
        Shape(dtype: "F16", shards: 2, biases: true),
    ]

    /// The graph over integers computes what FP64 loops over the same integers do.
    @Test(arguments: shapes) func equalsTheReference(_ shape: Shape) throws {
        let folder = try TemporaryFolder()
        try Self.checkpoint(dtype: shape.dtype, shards: shape.shards, tied: shape.tied, biases: shape.biases)
            .write(to: folder.path)
        let output = folder.file("integers")
        let summary = try Self.quantize(folder.path, to: output, shape.type)
        #expect(summary.layers == 15)
        let model = try Self.open(output)
        let tokens = (0..<19).map { Int32($0 * 31 % 97) }
        let expected = ReferenceLlama(model).forward(tokens).logits
        let found = try Self.logits(model, tokens)
        var worst = 0.0
        for (row, exact) in zip(found, expected) {
            for (value, reference) in zip(row, exact) { worst = max(worst, abs(Double(value) - reference)) }
        }
        // As for weights of floats, whose test this limit is from.
        #expect(worst < 2e-5)
        // One BF16 step is 2^-8 of a value; ten roundings of values of order 1 in a row.
        let rounded = try Self.logits(try Self.open(output, precision: .bf16), tokens)
        let apart = Self.difference(found, rounded)
        #expect(apart.largest > 0 && apart.largest < 0.1)
        // Half a step of 1/127 of a group's largest input is about as much.
        let integers = try Self.open(output, precision: .int8)
        let multiplied = try Self.logits(integers, tokens)
        let off = Self.difference(multiplied, rounded)
        #expect(off.largest > 0 && off.relative < 0.02)
        // A token's logits do not depend on what comes after it in the same pass.
        let alone = try Self.logits(integers, Array(tokens[..<1]))
        #expect(alone[0].map(\.bitPattern) == multiplied[0].map(\.bitPattern))
        // Rounded weights are near those of the source.
        let source = try Self.logits(try Self.open(folder.path), tokens)
        let away = Self.difference(found, source)
        #expect(away.relative < (shape.type == .int8 ? 0.02 : 0.3))
    }

    /// The largest difference, and the norm of all over that of what they are from.
    private static func difference(_ a: [[Float]], _ b: [[Float]]) -> (largest: Float, relative: Float) {
        var largest: Float = 0, square: Float = 0, norm: Float = 0
        for (left, right) in zip(a, b) {
            for (x, y) in zip(left, right) {
                largest = max(largest, abs(x - y))
                square += (x - y) * (x - y)
                norm += y * y
            }
        }
        return (largest, (square / norm).squareRoot())
    }

    /// A gate's projection is small and decides: it stays as it is.
    @Test func adaptersStayFloats() throws {
        let folder = try TemporaryFolder()
        let output = folder.file("integers")
        let source = folder.file("source")
        try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
        var checkpoint = Self.checkpoint()
        checkpoint.adapters = true
        try checkpoint.write(to: source)
        _ = try Self.quantize(source, to: output, .int4)
        let (before, after) = (try ModelDirectory.open(path: source), try ModelDirectory.open(path: output))
        for tensor in before.configuration.adapterTensors {
            let bytes = try #require(before.weights[tensor.name]).bytes
            #expect(Array(try #require(after.weights[tensor.name]).bytes) == Array(bytes))
        }
        let kernels = try CPUKernels(threads: 1)
        let weights = try LlamaWeights(after, precision: .fp32, kernels: kernels)
        #expect(weights.layers.allSatisfy { $0.gateAdapter != nil })
        #expect(try after.dmsMetadata()?.configuration.source == .adapter)
    }

    /// Every weight is within half a step of the source's, but for those that the search cuts off.
    @Test(arguments: [GroupedFormat.IntegerType.int8, .int4]) func weightsAreNear(type: GroupedFormat.IntegerType)
        throws
    {
        let folder = try TemporaryFolder()
        try Self.checkpoint(shards: 2).write(to: folder.path)
        let output = folder.file("integers")
        _ = try Self.quantize(folder.path, to: output, type, scaleChoice: .maximum)
        let source = try ModelDirectory.open(path: folder.path)
        let written = try ModelDirectory.open(path: output)
        try written.validateWeights()
        for layer in written.configuration.linearLayers {
            let name = layer.name == "lm_head" ? "model.embed_tokens" : layer.name
            let exact = try #require(try source.weights[name + ".weight"]?.floats())
            let scales = try #require(try written.weights[layer.name + ".weight_scale"]?.floats())
            let groupSize = exact.count / scales.count
            let rounded = try Self.weights(written, layer.name)
            #expect(rounded.count == exact.count)
            let bits = try #require(written.configuration.quantization?.scheme(of: layer.name)).bits
            for index in exact.indices {
                // BF16 scales may be 2^-9 too small for the largest weight, which has the largest code.
                let limit = Double(scales[index / groupSize]) * (0.5 + Double(1 << (bits - 1)) * 0x1p-9)
                #expect(abs(rounded[index] - Double(exact[index])) <= limit)
            }
        }
        // What is no linear layer is as it was, bit for bit.
        for name in ["model.embed_tokens.weight", "model.norm.weight", "model.layers.1.input_layernorm.weight"] {
            let (before, after) = (try #require(source.weights[name]), try #require(written.weights[name]))
            #expect(before.dtype == after.dtype && before.bytes.elementsEqual(after.bytes))
        }
        #expect(
            written.weights.files.map { $0.path.split(separator: "/").last }
                == source.weights.files.map {
                    $0.path.split(separator: "/").last
                })
    }

    @Test func metadataAndCompanionsComeAlong() throws {
        let folder = try TemporaryFolder()
        try Self.checkpoint().write(to: folder.path)
        try folder.write("{\"a\": 1}", to: "tokenizer.json")
        let configuration = try DMSConfiguration(
            profile: .fastdms, windowSize: 16, alphaScale: 100, alphaOffset: 5)
        try DMSMetadata(
            configuration: configuration, profile: .fastdms, targetRatio: 4, contextLength: 256,
            weights: try WeightsDigest(directory: folder.path), training: JSONObject(["seed": .integer(7)]),
            measured: JSONObject(["perplexity": .number(3)])
        ).write(toDirectory: folder.path)
        let output = folder.file("integers")
        _ = try Self.quantize(folder.path, to: output, .int8)
        let written = try ModelDirectory.open(path: output)
        let metadata = try #require(try written.dmsMetadata())
        #expect(metadata.weightsSHA256 == (try WeightsDigest(directory: output).sha256))
        #expect(metadata.configuration == configuration && metadata.targetRatio == 4)
        #expect(metadata.training?["seed"] == .integer(7))
        // Other weights were measured.
        #expect(metadata.measured == nil)
        #expect(written.configuration.tiesEmbeddings == false)
        #expect(written.configuration.raw["torch_dtype"] == .string("bfloat16"))
        #expect(try String(contentsOfFile: output + "/tokenizer.json", encoding: .utf8) == "{\"a\": 1}")
    }

    @Test func threadsChangeNoByte() throws {
        let folder = try TemporaryFolder()
        try Self.checkpoint().write(to: folder.path)
        _ = try Self.quantize(folder.path, to: folder.file("one"), .int4, threads: 1)
        _ = try Self.quantize(folder.path, to: folder.file("three"), .int4, threads: 3)
        let files = try ["one", "three"].map {
            try Data(contentsOf: URL(fileURLWithPath: folder.file($0) + "/model.safetensors"))
        }
        #expect(files[0] == files[1])
    }

    private func refused(_ path: String, _ output: String, groupSize: Int = 32) -> CheckpointError? {
        do {
            _ = try Self.quantize(path, to: output, .int8, groupSize: groupSize)
            return nil
        } catch {
            return error as? CheckpointError
        }
    }

    /// Each names what is wrong, and leaves neither the folder nor a part of it.
    @Test func refusesWhatItCannotDo() throws {
        let folder = try TemporaryFolder()
        try Self.checkpoint().write(to: folder.path)
        let output = folder.file("integers")
        let wide = try #require(refused(folder.path, output, groupSize: 64))
        #expect(wide.subject == .tensor("model.layers.0.mlp.down_proj.weight"))
        #expect(wide.found == "160 inputs" && wide.required.contains("groups of 32"))
        _ = try Self.quantize(folder.path, to: output, .int8)
        #expect(refused(folder.path, output)?.file == output)
        #expect(refused(output, folder.file("again"))?.subject == .key("quantization_config"))
        #expect(refused(folder.path, folder.file("absent/integers"))?.required.contains("in one that exists") == true)
        // A weight that is not finite, found when half of the file is written.
        let damaged = try TemporaryFolder()
        try Self.checkpoint(dtype: "F32").write(to: damaged.path)
        var bytes = try Array(Data(contentsOf: URL(fileURLWithPath: damaged.file("model.safetensors"))))
        let start = 8 + Int(bytes[0]) + Int(bytes[1]) << 8
        let queries = start + (97 * 64 + 100) * 4
        bytes.replaceSubrange(queries..<queries + 4, with: [0, 0, 0x80, 0x7F])
        try damaged.write(bytes, to: "model.safetensors")
        let infinite = try #require(refused(damaged.path, damaged.file("integers")))
        #expect(infinite.subject == .tensor("model.layers.0.self_attn.q_proj.weight"))
        let left = try FileManager.default.contentsOfDirectory(atPath: damaged.path).sorted()
        #expect(left == ["config.json", "model.safetensors"])
    }
}
