public import DMSCheckpoint
import DMSJSON
import DMSModel
public import DMSTensor

/// A model directory as other tools expect it: weights, configuration, tokenizer and DMS metadata.
///
/// Plain Transformers reads it as the architecture of its family, runtimes for DMS read `dms_metadata.json` and the `dms_` keys of
/// `config.json`. The configuration is written last, so that a directory which has one is complete.
public struct CheckpointPackage {
    /// The weights to be written.
    public let weights: LlamaParameters
    /// What the weights are stored as: `.bfloat16` or `.float32`.
    public let type: TensorDataType
    /// The folder that the tokenizer's files come from.
    public let companionDirectory: String

    /// A package; a type that cannot be written is a programmer's error.
    public init(weights: LlamaParameters, type: TensorDataType, companionDirectory: String) {
        precondition(type == .bfloat16 || type == .float32, "weights stored as \(type.rawValue)")
        self.weights = weights
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
        try writeWeights(to: directory + "/model.safetensors", kernels: kernels)
        for name in ModelDirectory.companions {
            let source = companionDirectory + "/" + name
            guard Directory.isFile(source) else { continue }
            try AtomicFile.write(try MappedFile.contents(ofPath: source, limit: 1 << 30), to: directory + "/" + name)
        }
        var config = weights.configuration.raw
        for key in config.keys where key.hasPrefix("dms_") { config[key] = nil }
        let name = config["dtype"] != nil ? "dtype" : "torch_dtype"
        config[name] = .string(type == .bfloat16 ? "bfloat16" : "float32")
        if let metadata {
            let digest = try WeightsDigest(directory: directory)
            let stated = try metadata(digest)
            try stated.write(toDirectory: directory)
            for (key, value) in stated.configKeys().entries { config[key] = value }
        }
        let text = JSONValue.object(config).text(indent: 2) + "\n"
        try AtomicFile.write(Array(text.utf8), to: directory + "/config.json")
    }

    private func writeWeights(to path: String, kernels: any InferenceKernels) throws {
        let layout = weights.arena.layout
        let index = Dictionary(uniqueKeysWithValues: layout.entries.enumerated().map { ($1.name, $0) })
        let scalar = ScalarType(type)
        let largest = layout.entries.map(\.count).max() ?? 0
        let buffer = try HostBuffer(byteCount: largest * scalar.byteCount)
        try SafetensorsWriter.write(
            to: path, tensors: layout.entries.map { TensorDeclaration(name: $0.name, dtype: type, shape: $0.shape) }
        ) { (declaration, output) throws(CheckpointError) in
            guard let entry = index[declaration.name] else { return }
            let matrix = weights.arena.matrix(entry)
            let count = matrix.rows * matrix.columns
            kernels.convert(matrix.pointer, .float32, to: buffer.pointer, scalar, count: count)
            try output.append(UnsafeRawBufferPointer(start: buffer.pointer, count: count * scalar.byteCount))
        }
    }
}
