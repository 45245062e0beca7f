import DMSJSON
public import DMSPolicy

/// A copy of a checkpoint that computes the same function, bit for bit, and states it in another way.
///
/// What cannot be stated so exactly is refused before anything is written.
public struct CheckpointConversion {
    /// The checkpoint that is copied.
    public let source: ModelDirectory
    /// What the copy states, but for the digest of its weights.
    public let metadata: DMSMetadata
    /// `nil` where the weights stay as they are, byte by byte.
    private let rewrite: AdapterRewrite?

    /// Opens and checks a checkpoint, and finds out whether what is asked for is exact.
    ///
    /// - Parameters:
    ///   - path: The checkpoint's folder.
    ///   - profile: The dialect that the copy is to be read in, by runtimes that know nothing else; `nil` leaves it.
    ///   - adapters: Whether borrowed channels become adapters.
    /// - Throws: ``CheckpointError`` for files that are not a checkpoint with DMS metadata, and naming the field in
    ///   which the other dialect differs.
    public init(path: String, profile: SemanticsProfile?, adapters: Bool) throws(CheckpointError) {
        source = try ModelDirectory.open(path: path)
        try source.validateWeights()
        guard let stated = try source.dmsMetadata() else {
            throw CheckpointError(
                file: path, found: "a model without DMS metadata", required: "a checkpoint that says how it evicts")
        }
        let headDimension = source.configuration.headDimension
        var configuration = stated.configuration
        do throws(PolicyError) {
            if adapters { configuration = try configuration.withAdapters() }
            if let profile { configuration = try configuration.restated(in: profile, headDimension: headDimension) }
            rewrite =
                adapters
                ? AdapterRewrite(
                    source.configuration,
                    channel: try stated.configuration.channel.resolved(headDimension: headDimension),
                    silences: stated.configuration.adaptersSilenceRows) : nil
        } catch {
            throw CheckpointError(
                file: path, .key(error.field), found: error.found,
                required: "\(error.required), so this conversion is not exact")
        }
        if adapters { try Self.requireRows(source) }
        metadata = DMSMetadata(
            configuration: configuration, profile: profile ?? stated.profile, targetRatio: stated.targetRatio,
            contextLength: stated.contextLength, compressionMode: stated.compressionMode, baseModel: stated.baseModel,
            training: stated.training, measured: stated.measured)
    }

    /// Requires that a gate's value is a row of the query projection times the normed input.
    private static func requireRows(_ source: ModelDirectory) throws(CheckpointError) {
        guard source.configuration.quantization == nil else {
            throw CheckpointError(
                file: source.path + "/config.json", .key("quantization_config"), found: "weights of integers",
                required: "BF16, F16 or F32: rows of integers have scales of their own. Convert first, then quantize")
        }
        if let norm = source.weights.names.first(where: { $0.hasSuffix(".self_attn.q_norm.weight") }) {
            throw CheckpointError(
                file: source.path, .tensor(norm), found: "a norm between projection and gate",
                required: "none: an adapter is linear behind its own norm, so this conversion is not exact")
        }
    }

    /// Writes the folder.
    ///
    /// - Parameter path: A folder that does not exist yet, in one that does.
    /// - Throws: ``CheckpointError`` naming the file; nothing is left then, and nothing stands at the path.
    public func write(to path: String) throws(CheckpointError) {
        let output = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        let staging = try StagingFolder(for: output)
        try writeWeights(in: staging)
        try ModelDirectory.copyCompanions(from: source.path, to: staging.path)
        try writeConfiguration(in: staging)
        _ = try staging.finishCheckpoint()
    }

    private func writeWeights(in staging: StagingFolder) throws(CheckpointError) {
        var map: [(name: String, file: String)] = []
        for file in source.weights.files {
            let name = String(file.path.split(separator: "/").last ?? "")
            map += try write(file, to: staging.path + "/" + name).map { ($0, name) }
        }
        if source.isSharded { try staging.writeIndex(map) }
    }

    /// Writes one file and says which tensors it holds.
    private func write(_ file: SafetensorsFile, to path: String) throws(CheckpointError) -> [String] {
        guard let rewrite else {
            let mapped = try MappedFile(path: file.path)
            try mapped.withBytes { (bytes) throws(CheckpointError) in
                try AtomicFile.write(to: path) { (output: inout FileOutput) throws(CheckpointError) in
                    try output.append(bytes)
                }
            }
            return file.names
        }
        let tensors = file.tensors.flatMap { rewrite.tensors(for: $0) }
        let contents = Dictionary(uniqueKeysWithValues: tensors.map { ($0.declaration.name, $0.content) })
        try SafetensorsWriter.write(to: path, tensors: tensors.map(\.declaration)) {
            (declaration, output) throws(CheckpointError) in
            try contents[declaration.name]?.write(to: &output)
        }
        return tensors.map(\.declaration.name)
    }

    /// The source's configuration and metadata with what changed.
    private func writeConfiguration(in staging: StagingFolder) throws(CheckpointError) {
        let stated = metadata.stating(try WeightsDigest(directory: staging.path), measured: metadata.measured)
        try stated.write(toDirectory: staging.path)
        var config = source.configuration.raw
        for key in config.keys where key.hasPrefix("dms_") { config[key] = nil }
        // It names Python files of the other dialect, which are not taken along.
        config["auto_map"] = nil
        for (key, value) in stated.configKeys().entries { config[key] = value }
        try staging.write(config, to: "config.json")
    }
}
