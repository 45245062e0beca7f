/// All tensors of a checkpoint, whether it lies in one file or in several.
///
/// - With `model.safetensors.index.json`, that index decides: exactly the shards it names are opened, and each must
///   hold exactly the tensors it promises. Other safetensors files beside them are not read, except that a
///   `model.safetensors` which the index does not name is refused, because it cannot be told which is meant.
/// - Without it, `model.safetensors` is the checkpoint.
///
/// Symbolic links are followed: download caches consist of them.
public struct CheckpointTensors: Sendable {
    static let singleName = "model.safetensors"
    static let indexName = "model.safetensors.index.json"
    /// The longest index that is read, in bytes.
    static let maximumIndexLength = 64 << 20

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
        let singlePath = directory + "/" + Self.singleName
        if !index.shards.contains(Self.singleName), SystemCalls.kind(ofPath: singlePath) != nil {
            throw CheckpointError(
                file: indexPath, found: "an index that does not name \(Self.singleName), which is there too",
                required: "one checkpoint: remove \(Self.singleName), or the index and its shards")
        }
        var files: [SafetensorsFile] = []
        for shard in index.shards { files.append(try SafetensorsFile(path: directory + "/" + shard)) }
        try self.init(files: files)
        for (shard, file) in zip(index.shards, files) {
            for name in file.names where index.shardNames[name] != shard {
                throw CheckpointError(
                    file: file.path, .tensor(name),
                    found: "a tensor that \(Self.indexName) does not list for this file",
                    required: "the same tensors in the file and in the index")
            }
        }
        for name in index.shardNames.keys.sorted() where fileIndices[name] == nil {
            throw CheckpointError(
                file: directory + "/" + index.shardNames[name]!, .tensor(name), found: "no such tensor",
                required: "the tensor, which \(Self.indexName) promises in this file")
        }
    }

    private init(files: [SafetensorsFile]) throws(CheckpointError) {
        var indices: [String: Int] = [:]
        for (index, file) in files.enumerated() {
            for name in file.names {
                if let other = indices.updateValue(index, forKey: name) {
                    throw CheckpointError(
                        file: file.path, .tensor(name), found: "the same tensor in \(files[other].path)",
                        required: "each tensor in one file")
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
    private static func absent(in directory: String) -> CheckpointError {
        let names = SystemCalls.names(inDirectory: directory) ?? []
        let endings = [".safetensors", ".bin", ".pth", ".pt", ".gguf", ".h5", ".msgpack"]
        let others = names.filter { name in endings.contains { name.hasSuffix($0) } }
        let listed = others.prefix(3).joined(separator: ", ") + (others.count > 3 ? ", …" : "")
        return CheckpointError(
            file: directory, found: others.isEmpty ? "no weights" : "no \(singleName) but \(listed)",
            required: "\(singleName), or \(indexName) with its shards (weights are read in safetensors format only)")
    }
}
