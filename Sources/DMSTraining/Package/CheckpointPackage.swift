public import DMSCheckpoint
import DMSJSON
public import DMSTensor

/// A model directory as other tools expect it: weights, configuration, tokenizer and DMS metadata.
///
/// Plain Transformers reads it as the architecture of its family, runtimes for DMS read `dms_metadata.json` and the `dms_` keys of
/// `config.json`. The configuration is written last, so that a directory which has one is complete.
public struct CheckpointPackage {
    /// Where the tensors come from.
    enum Content {
        /// All of them were trained.
        case trained(LlamaParameters)
        /// Those of a base, byte by byte as its files have them, and adapters beside them.
        case adapted(ModelDirectory, GateParameters)
    }

    let content: Content
    /// What trained weights are stored as: `.bfloat16` or `.float32`.
    public let type: TensorDataType
    /// The folder that the tokenizer's files come from.
    public let companionDirectory: String

    /// A package of trained weights; a type that cannot be written is a programmer's error.
    public init(weights: LlamaParameters, type: TensorDataType, companionDirectory: String) {
        self.init(content: .trained(weights), type: type, companionDirectory: companionDirectory)
    }

    /// A package of a base as it is, and adapters beside it; other gates, and a type that cannot be written, are a
    /// programmer's error.
    public init(base: ModelDirectory, adapters: GateParameters, type: TensorDataType) {
        precondition(adapters.areAdapters, "gates that are part of the weights")
        self.init(content: .adapted(base, adapters), type: type, companionDirectory: base.path)
    }

    private init(content: Content, type: TensorDataType, companionDirectory: String) {
        precondition(type == .bfloat16 || type == .float32, "weights stored as \(type.rawValue)")
        self.content = content
        self.type = type
        self.companionDirectory = companionDirectory
    }

    /// Writes the directory, making it where it is missing and replacing files of the same names.
    ///
    /// - Parameter metadata: What the checkpoint states about eviction, given the digest of the weights just written;
    ///   `nil` for a plain model.
    /// - Throws: `CheckpointError` naming the file; each file is then the old one or the new one.
    public func write(
        to directory: String, kernels: any InferenceKernels, metadata: ((WeightsDigest) throws -> DMSMetadata)?
    ) throws {
        try Directory.make(directory)
        try PackageTensors(content, type: type).write(to: directory + "/model.safetensors", kernels: kernels)
        try ModelDirectory.copyCompanions(from: companionDirectory, to: directory)
        var config = configuration
        for key in config.keys where key.hasPrefix("dms_") { config[key] = nil }
        if let metadata {
            let digest = try WeightsDigest(directory: directory)
            let stated = try metadata(digest)
            try stated.write(toDirectory: directory)
            for (key, value) in stated.configKeys().entries { config[key] = value }
        }
        let text = JSONValue.object(config).text(indent: 2) + "\n"
        try AtomicFile.write(Array(text.utf8), to: directory + "/config.json")
    }

    /// The base's, with the new element type where weights were trained.
    private var configuration: JSONObject {
        switch content {
        case .adapted(let base, _): return base.configuration.raw
        case .trained(let weights):
            var config = weights.configuration.raw
            let name = config["dtype"] != nil ? "dtype" : "torch_dtype"
            config[name] = .string(type == .bfloat16 ? "bfloat16" : "float32")
            return config
        }
    }
}
