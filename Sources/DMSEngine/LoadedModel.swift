public import DMSCheckpoint
public import DMSModel
public import DMSTensor
public import DMSTokenizer

/// A checkpoint opened and ready to run: graph, weights, tokenizer and what its files say about generation.
public struct LoadedModel: Sendable {
    /// The folder's files, opened and checked.
    public let directory: ModelDirectory
    /// What its files state about eviction; `nil` for a plain model.
    public let dms: DMSMetadata?
    /// What makes tokens of text and text of tokens.
    public let tokenizer: Tokenizer
    /// The graph with its weights.
    public let model: LlamaModel
    /// What opening it took.
    ///
    /// Weights are mapped, not read, so most of their cost falls into the first pass; but those that are wanted in panels
    /// and are not stored so are read and laid out here.
    public let loadSeconds: Double

    /// Opens a checkpoint on the CPU.
    ///
    /// - Parameters:
    ///   - directory: A folder with `config.json`, `tokenizer.json` and weights in `*.safetensors`, as Hugging Face has it.
    ///   - precision: How products are computed.
    ///   - threads: Threads that compute; `nil` takes one per processor that this process may use.
    ///   - overrides: Values in place of those that the checkpoint states about its eviction.
    /// - Throws: As ``init(path:precision:layout:kernels:overrides:)``, and `KernelError` for a number of threads that cannot be.
    public init(
        directory: String, precision: Precision = .bf16, threads: Int? = nil, overrides: DMSOverrides = DMSOverrides()
    ) throws {
        try self.init(
            path: directory, precision: precision, kernels: CPUKernels(threads: threads), overrides: overrides)
    }

    /// Opens a checkpoint on kernels of one's own.
    ///
    /// - Parameters:
    ///   - layout: How the weights of linear layers lie in memory.
    ///   - overrides: Values in place of those that the checkpoint states about its eviction.
    /// - Throws: `CheckpointError`, `TokenizerError`, `ModelError` or `MemoryError`, naming the file at fault;
    ///   ``ParameterError`` for 8-bit products without weights of 8 or 4 bits.
    public init(
        path: String, precision: Precision, layout: WeightLayout = .stored, kernels: any InferenceKernels,
        overrides: DMSOverrides = DMSOverrides()
    ) throws {
        let watch = Stopwatch()
        directory = try ModelDirectory.open(path: path)
        if precision == .int8, directory.configuration.quantization == nil {
            throw ParameterError(
                field: "precision", found: "int8 for \(path), whose weights are not integers",
                required: "fp32 or bf16, or what 'dms quantize' makes of it")
        }
        dms = try directory.dmsMetadata(overrides: overrides)
        tokenizer = try Tokenizer(file: directory.tokenizerPath)
        model = try LlamaModel(
            configuration: directory.configuration,
            weights: try LlamaWeights(directory, precision: precision, layout: layout, kernels: kernels),
            dms: dms?.configuration, precision: precision, layout: layout, kernels: kernels)
        loadSeconds = watch.seconds
    }
}
