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
        try writeWeights(in: staging.path)
        for name in ModelDirectory.companions where MappedFile.exists(path: source.path + "/" + name) {
            try AtomicFile.write(
                try MappedFile.contents(ofPath: source.path + "/" + name, limit: 1 << 30), to: staging.path + "/" + name
            )
        }
        try writeConfiguration(in: staging.path)
        // What is read back is what was meant.
        let written = try ModelDirectory.open(path: staging.path)
        try written.validateWeights()
        _ = try written.dmsMetadata()
        try staging.finish()
    }

    private func writeWeights(in folder: String) throws(CheckpointError) {
        var map: [(name: String, file: String)] = []
        for file in source.weights.files {
            let name = String(file.path.split(separator: "/").last ?? "")
            map += try write(file, to: folder + "/" + name).map { ($0, name) }
        }
        guard WeightsDigest.isSharded(source.path) else { return }
        var names = JSONObject()
        for entry in map.sorted(by: { $0.name < $1.name }) { names[entry.name] = .string(entry.file) }
        let index = JSONObject(["metadata": .object(JSONObject()), "weight_map": .object(names)])
        try Self.write(index, to: folder + "/" + CheckpointTensors.indexName)
    }

    /// Writes one file and says which tensors it holds.
    private func write(_ file: SafetensorsFile, to path: String) throws(CheckpointError) -> [String] {
        guard let rewrite else {
            let mapped = try MappedFile(path: file.path)
            try AtomicFile.write(to: path) { (output: inout FileOutput) throws(CheckpointError) in
                try output.append(mapped.bytes)
            }
            withExtendedLifetime(mapped) {}
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
    private func writeConfiguration(in folder: String) throws(CheckpointError) {
        let stated = DMSMetadata(
            configuration: metadata.configuration, profile: metadata.profile, targetRatio: metadata.targetRatio,
            contextLength: metadata.contextLength, compressionMode: metadata.compressionMode,
            baseModel: metadata.baseModel, weights: try WeightsDigest(directory: folder), training: metadata.training,
            measured: metadata.measured)
        try stated.write(toDirectory: folder)
        var config = source.configuration.raw
        for key in config.keys where key.hasPrefix("dms_") { config[key] = nil }
        // It names Python files of the other dialect, which are not taken along.
        config["auto_map"] = nil
        for (key, value) in stated.configKeys().entries { config[key] = value }
        try Self.write(config, to: folder + "/config.json")
    }

    private static func write(_ object: JSONObject, to path: String) throws(CheckpointError) {
        try AtomicFile.write(Array((JSONValue.object(object).text(indent: 2) + "\n").utf8), to: path)
    }
}
