public import DMSJSON

/// One mapped safetensors file.
public struct SafetensorsFile: Sendable {
    /// The path, as given.
    public let path: String
    /// What the file says it holds.
    public let header: SafetensorsHeader
    private let mapping: MappedFile
    private let positions: [String: Int]

    /// Maps a file and checks its header.
    ///
    /// O(tensors); no tensor data is read.
    ///
    /// - Throws: ``CheckpointError`` for a file that cannot be read or is not well-formed.
    public init(path: String) throws(CheckpointError) {
        self.path = path
        mapping = try MappedFile(path: path)
        header = try mapping.withBytes { (bytes) throws(CheckpointError) in
            try SafetensorsHeader(parsing: bytes, file: path)
        }
        positions = Dictionary(uniqueKeysWithValues: header.entries.enumerated().map { ($1.name, $0) })
    }

    /// The free-form strings under `__metadata__`; `nil` when there are none.
    public var metadata: JSONObject? { header.metadata }

    /// The names of the tensors, in the order of their data.
    public var names: [String] { header.entries.map(\.name) }

    /// The tensors, in the order of their data.
    public var tensors: [MappedTensor] { header.entries.map(mapped) }

    /// The tensor of that name.
    ///
    /// O(1).
    public subscript(name: String) -> MappedTensor? { positions[name].map { mapped(header.entries[$0]) } }

    private func mapped(_ entry: TensorEntry) -> MappedTensor {
        MappedTensor(entry: entry, dataOffset: header.dataOffset, owner: mapping)
    }
}
