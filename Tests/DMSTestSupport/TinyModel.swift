public import DMSCheckpoint
import DMSJSON
public import DMSModel
public import DMSPolicy
import DMSTensor

/// Small random models for tests, made in memory.
public enum TinyModel {
    /// A configuration by its sizes.
    public static func configuration(
        layers: Int = 2, hidden: Int = 24, heads: Int = 6, keyValueHeads: Int = 2, headDimension: Int = 8,
        feedForward: Int = 40, vocabulary: Int = 97, maximumPositions: Int = 4096
    ) throws -> LlamaConfiguration {
        var checkpoint = TinyCheckpoint()
        checkpoint.layers = layers
        checkpoint.hidden = hidden
        checkpoint.heads = heads
        checkpoint.keyValueHeads = keyValueHeads
        checkpoint.headDimension = headDimension
        checkpoint.feedForward = feedForward
        checkpoint.vocabulary = vocabulary
        checkpoint.extraConfiguration["max_position_embeddings"] = .integer(Int64(maximumPositions))
        let text = JSONValue.object(checkpoint.configuration).text()
        return try LlamaConfiguration(parsing: Array(text.utf8))
    }

    /// A checkpoint's model on the CPU, whose norms are not 1 as those of ``make(_:dms:seed:threads:)`` are.
    public static func load(
        _ checkpoint: TinyCheckpoint, dms: DMSConfiguration? = nil, threads: Int = 1
    ) throws -> LlamaModel {
        let folder = try TemporaryFolder()
        try checkpoint.write(to: folder.path)
        return try load(folder.path, dms: dms, threads: threads)
    }

    /// The model of a folder in FP32 on the CPU.
    public static func load(_ path: String, dms: DMSConfiguration? = nil, threads: Int = 1) throws -> LlamaModel {
        let directory = try ModelDirectory.open(path: path)
        let kernels = try CPUKernels(threads: threads)
        return try LlamaModel(
            configuration: directory.configuration,
            weights: LlamaWeights(directory, precision: .fp32, kernels: kernels), dms: dms, precision: .fp32,
            kernels: kernels)
    }

    /// A model with FP32 random weights on the CPU.
    public static func make(
        _ configuration: LlamaConfiguration, dms: DMSConfiguration? = nil, seed: UInt64 = 1, threads: Int = 1
    ) throws -> LlamaModel {
        let kernels = try CPUKernels(threads: threads)
        let weights = try LlamaWeights.random(
            configuration, type: .float32, adapters: dms?.source == .adapter, seed: seed)
        return try LlamaModel(
            configuration: configuration, weights: weights, dms: dms, precision: .fp32, kernels: kernels)
    }
}
