/// All tensors of a checkpoint, whether it lies in one file or in several.
///
/// - With `model.safetensors.index.json`, that index decides: exactly the shards it names are opened, and each must
///   hold exactly the tensors it promises. Other safetensors files beside them are not read, except that a
///   `model.safetensors` which the index does not name is refused, because it cannot be told which is meant.
/// - Without it, `model.safetensors` is the checkpoint.
///
/// Symbolic links are followed: download caches consist of them.
public struct CheckpointTensors: Sendable {
    /// The weights, where they are in one file.
    package static let singleName = "model.safetensors"
    /// Which file has which tensor, where they are in several.
    package static let indexName = "model.safetensors.index.json"
    /// The longest index that is read, in bytes.
    package static let maximumIndexLength = 64 << 20

    /// The files, sorted by name.
    public let files: [SafetensorsFile]
    /// The names of all tensors, sorted.
    public let names: [String]
    private let fileIndices: [String: Int]

    /// Opens the checkpoint in a directory and checks every header.
    ///
    /// No tensor data is read.
    ///
    /// - Throws: ``CheckpointError`` naming the file, and the tensor where there is one.
    public init(directory: String) throws(CheckpointError) {
        let indexPath = directory + "/" + Self.indexName
        if SystemCalls.kind(ofPath: indexPath) != nil {
            try self.init(directory: directory, indexPath: indexPath)
        } else {
            let path = directory + "/" + Self.singleName
            guard SystemCalls.kind(ofPath: path) != nil else { throw Self.absent(in: directory) }
            try self.init(files: [SafetensorsFile(path: path)])
        }
    }

    private init(directory: String, indexPath: String) throws(CheckpointError) {
        let text = try MappedFile.contents(ofPath: indexPath, limit: Self.maximumIndexLength)
        let index = try ShardIndex(parsing: text, file: indexPath)
        if let error = Self.ambiguity(index, directory: directory) { throw error }
        var files: [String: SafetensorsFile] = [:]
        for shard in index.shards { files[shard] = try SafetensorsFile(path: directory + "/" + shard) }
        if let error = Self.disagreements(index, files: files, directory: directory).first { throw error }
        try self.init(files: index.shards.compactMap { files[$0] })
    }

    /// Where a directory has an index and a `model.safetensors` that it does not name.
    package static func ambiguity(_ index: ShardIndex, directory: String) -> CheckpointError? {
        guard !index.shards.contains(singleName), SystemCalls.kind(ofPath: directory + "/" + singleName) != nil else {
            return nil
        }
        return CheckpointError(
            file: directory + "/" + indexName, found: "an index that does not name \(singleName), which is there too",
            required: "one checkpoint: remove \(singleName), or the index and its shards")
    }

    /// Where an index and the files that it names say different things.
    ///
    /// - Parameter files: Those that can be read, by their names; of others nothing is said.
    package static func disagreements(
        _ index: ShardIndex, files: [String: SafetensorsFile], directory: String
    ) -> [CheckpointError] {
        var errors: [CheckpointError] = []
        var owners: [String: SafetensorsFile] = [:]
        for shard in index.shards {
            guard let file = files[shard] else { continue }
            for name in file.names {
                if let other = owners.updateValue(file, forKey: name) {
                    errors.append(twice(name, in: file, and: other))
                } else if index.shardNames[name] != shard {
                    errors.append(
                        CheckpointError(
                            file: file.path, .tensor(name),
                            found: "a tensor that \(indexName) does not list for this file",
                            required: "the same tensors in the file and in the index"))
                }
            }
        }
        for (name, shard) in index.shardNames.sorted(by: { $0.key < $1.key }) {
            guard files[shard] != nil, owners[name] == nil else { continue }
            errors.append(
                CheckpointError(
                    file: directory + "/" + shard, .tensor(name), found: "no such tensor",
                    required: "the tensor, which \(indexName) promises in this file"))
        }
        return errors
    }

    private static func twice(
        _ name: String, in file: SafetensorsFile, and other: SafetensorsFile
    ) -> CheckpointError {
        CheckpointError(
            file: file.path, .tensor(name), found: "the same tensor in \(other.path)",
            required: "each tensor in one file")
    }

    private init(files: [SafetensorsFile]) throws(CheckpointError) {
        var indices: [String: Int] = [:]
        for (index, file) in files.enumerated() {
            for name in file.names {
                if let other = indices.updateValue(index, forKey: name) {
                    throw Self.twice(name, in: file, and: files[other])
                }
            }
        }
        self.files = files
        fileIndices = indices
        names = indices.keys.sorted()
    }

    /// The tensor of that name.
    ///
    /// O(1).
    public subscript(name: String) -> MappedTensor? { fileIndices[name].flatMap { files[$0][name] } }

    /// The sum of all tensors, in bytes.
    ///
    public var byteCount: Int { files.reduce(0) { $0 + ($1.header.entries.last?.byteRange.upperBound ?? 0) } }

    /// Says what lies in the directory instead.
    package static func absent(in directory: String) -> CheckpointError {
        let names = SystemCalls.names(inDirectory: directory) ?? []
        let endings = [".safetensors", ".bin", ".pth", ".pt", ".gguf", ".h5", ".msgpack"]
        let others = names.filter { name in endings.contains { name.hasSuffix($0) } }
        let listed = others.prefix(3).joined(separator: ", ") + (others.count > 3 ? ", …" : "")
        return CheckpointError(
            file: directory, found: others.isEmpty ? "no weights" : "no \(singleName) but \(listed)",
            required: "\(singleName), or \(indexName) with its shards (weights are read in safetensors format only)")
    }
}
