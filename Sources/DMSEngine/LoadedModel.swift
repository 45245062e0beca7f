public import DMSCheckpoint
public import DMSModel
public import DMSTensor
public import DMSTokenizer

/// A checkpoint opened and ready to run: graph, weights, tokenizer and what its files say about generation.
public struct LoadedModel: Sendable {
    public let directory: ModelDirectory
    /// What its files state about eviction; `nil` for a plain model.
    public let dms: DMSMetadata?
    public let tokenizer: Tokenizer
    public let model: LlamaModel
    /// What opening it took.
    ///
    /// Weights are mapped, not read, so most of their cost falls into the first pass.
    public let loadSeconds: Double

    /// - Parameters:
    ///   - overrides: Values in place of those that the checkpoint states about its eviction.
    /// - Throws: `CheckpointError`, `TokenizerError`, `ModelError` or `MemoryError`, naming the file at fault.
    public init(
        path: String, precision: Precision, kernels: any InferenceKernels, overrides: DMSOverrides = DMSOverrides()
    ) throws {
        let watch = Stopwatch()
        directory = try ModelDirectory.open(path: path)
        dms = try directory.dmsMetadata(overrides: overrides)
        tokenizer = try Tokenizer(file: directory.tokenizerPath)
        model = try LlamaModel(
            configuration: directory.configuration,
            weights: try LlamaWeights(directory, precision: precision, kernels: kernels),
            dms: dms?.configuration, precision: precision, kernels: kernels)
        loadSeconds = watch.seconds
    }
}
