public import DMSCheckpoint
import DMSJSON
import DMSPolicy
public import DMSTensor

/// Makes a copy of a model whose linear layers are integers.
///
/// The copy is written into a hidden folder beside the one asked for and takes its name when it is whole.
public struct ModelQuantizer {
    /// The model that is copied.
    public let source: ModelDirectory
    /// What becomes of its layers.
    public let plan: QuantizationPlan
    private let metadata: DMSMetadata?
    private let writer: ShardWriter

    /// What was written.
    public struct Summary: Sendable, Hashable {
        /// Layers that became integers.
        public let layers: Int
        /// Bytes of the weights' files before and after.
        public let sourceBytes: Int
        /// Bytes of the copy's weights.
        public let bytes: Int
    }

    /// Opens and checks a model.
    ///
    /// - Parameters:
    ///   - path: The model's folder.
    ///   - head: The bits of the head.
    /// - Throws: `CheckpointError` for files that are not a model, metadata of other weights, and what
    ///   ``QuantizationPlan`` refuses.
    public init(
        path: String, format: GroupedFormat, head: GroupedFormat.IntegerType = .int8, scaleChoice: ScaleChoice,
        kernels: CPUKernels
    ) throws(CheckpointError) {
        source = try ModelDirectory.open(path: path)
        try source.validateWeights()
        metadata = try source.dmsMetadata()
        plan = try QuantizationPlan(
            source.configuration, format: format, head: head, gates: metadata?.configuration.source, path: path)
        writer = ShardWriter(plan: plan, kernels: kernels, scaleChoice: scaleChoice)
    }

    /// Writes the folder.
    ///
    /// Files of weights have the names they have in the source.
    ///
    /// - Parameters:
    ///   - path: A folder that does not exist yet, in one that does.
    ///   - onProgress: Told of bytes of weights that are done, and of all.
    /// - Throws: `CheckpointError` naming the file; nothing is left then, and nothing stands at the path.
    public func write(to path: String, onProgress: (Int, Int) -> Void = { _, _ in }) throws -> Summary {
        let output = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        let staging = try StagingFolder(for: output)
        let total = source.weights.byteCount + headBytes
        var done = 0
        var map: [(name: String, file: String)] = []
        for file in source.weights.files {
            let name = String(file.path.split(separator: "/").last ?? "")
            let tensors = try writer.write(file, to: staging.path + "/" + name) { bytes in
                done += bytes
                onProgress(min(done, total), total)
            }
            map += tensors.map { ($0.name, name) }
        }
        if source.isSharded { try staging.writeIndex(map) }
        try ModelDirectory.copyCompanions(from: source.path, to: staging.path)
        try writeConfiguration(in: staging)
        let written = try staging.finishCheckpoint()
        return Summary(
            layers: written.configuration.linearLayers.count, sourceBytes: source.weights.byteCount,
            bytes: written.weights.byteCount)
    }

    /// The embedding once more, where a head of its own is made of it.
    private var headBytes: Int {
        guard source.configuration.tiesEmbeddings else { return 0 }
        return source.weights[LlamaTensorName.embedding]?.bytes.count ?? 0
    }

    /// The source's configuration with what changed, and its metadata with the new digest; what was measured on other
    /// weights is left out.
    private func writeConfiguration(in staging: StagingFolder) throws(CheckpointError) {
        var config = source.configuration.raw
        config["quantization_config"] = .object(plan.quantization.json)
        config["tie_word_embeddings"] = .bool(false)
        if let metadata {
            let stated = metadata.stating(try WeightsDigest(directory: staging.path), measured: nil)
            try stated.write(toDirectory: staging.path)
            for (key, value) in stated.configKeys().entries { config[key] = value }
        }
        try staging.write(config, to: "config.json")
    }
}
