import DMSJSON

/// The `model.safetensors.index.json` of a checkpoint in several files.
///
/// Keys beside `weight_map` are bookkeeping and ignored, `metadata.total_size` among them: writers disagree on
/// whether it counts tied tensors.
public struct ShardIndex: Equatable, Sendable {
    /// The most files of one checkpoint.
    public static let maximumShardCount = 4096

    /// The file name of each tensor's shard.
    public let shardNames: [String: String]
    /// The file names of all shards, sorted.
    public let shards: [String]

    /// Parses the text of an index.
    ///
    /// - Throws: ``CheckpointError`` also for a shard that is not a plain name of a file in the same directory.
    public init(parsing text: [UInt8], file: String) throws(CheckpointError) {
        let root = try ConfigurationReader.object(parsing: text, file: file)
        guard let value = root["weight_map"] else {
            throw CheckpointError(
                file: file, .key("weight_map"), found: "no such key", required: "tensor names and files")
        }
        guard let map = value.objectValue, !map.isEmpty else {
            throw CheckpointError(
                file: file, .key("weight_map"), found: CheckpointError.shown(value),
                required: "an object of tensor names and file names, not empty")
        }
        var names: [String: String] = [:]
        for (tensor, value) in map.entries {
            guard let shard = value.stringValue, Self.isPlainName(shard) else {
                throw CheckpointError(
                    file: file, .tensor(tensor), found: "the file name \(CheckpointError.shown(value))",
                    required: "the plain name of a .safetensors file in the same directory")
            }
            names[tensor] = shard
        }
        shardNames = names
        shards = Set(names.values).sorted()
        guard shards.count <= Self.maximumShardCount else {
            throw CheckpointError(
                file: file, .key("weight_map"), found: "\(shards.count) files",
                required: "at most \(Self.maximumShardCount)")
        }
    }

    /// Whether a name can only mean a file in the directory it is looked up in.
    private static func isPlainName(_ name: String) -> Bool {
        name.hasSuffix(".safetensors") && !name.hasPrefix(".") && name.utf8.count <= 255
            && name.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "\\") }
    }
}
