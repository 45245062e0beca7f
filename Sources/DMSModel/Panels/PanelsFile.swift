public import DMSCheckpoint
import DMSJSON
import DMSTensor

/// The weights of a checkpoint's linear layers once more, in panels: `panels.dms` beside them.
///
/// It is mapped as the weights are, so a model that uses it starts as fast, and holds no copies. Nothing is lost with it:
/// `dms pack` writes it anew. A layer `X` is the tensor `X.weight_panels`: BF16 `[panel, pair of inputs, output, 2]`, or
/// bytes `[panel, group of inputs, bytes of a group]` of integers, 32 outputs to a panel, the last one repeated where
/// they end. A tied embedding is there as `lm_head`.
public struct PanelsFile: Sendable {
    /// The file's name: not `.safetensors`, though it is one, as some programs read all of those in a folder.
    public static let name = "panels.dms"
    static let format = "dms-panels"
    static let version = "1"
    /// Panels begin at multiples of so many bytes: a line of a cache.
    static let alignment = 64

    private let file: SafetensorsFile

    /// Opens the file of a checkpoint, `nil` where there is none.
    ///
    /// Some bytes of every tensor of the checkpoint are read, to see that the panels are of these weights.
    ///
    /// - Throws: `CheckpointError` for a file that is not well-formed, or was made of other weights.
    public init?(_ directory: ModelDirectory) throws(CheckpointError) {
        let path = directory.path + "/" + Self.name
        guard MappedFile.exists(path: path) else { return nil }
        file = try SafetensorsFile(path: path)
        let remedy = "write it anew with 'dms pack', or remove the file"
        try require("format", Self.format, otherwise: remedy)
        try require("version", Self.version, otherwise: remedy)
        try require(
            "weights_sample_sha256", WeightsSample(directory.weights).sha256,
            otherwise: "these are panels of other weights; " + remedy)
    }

    /// The path, in the checkpoint's folder.
    public var path: String { file.path }

    /// Bytes of all panels.
    public var byteCount: Int { file.header.entries.last?.byteRange.upperBound ?? 0 }

    private func require(_ key: String, _ value: String, otherwise: String) throws(CheckpointError) {
        let found = file.metadata?[key]?.stringValue
        guard found == value else {
            throw CheckpointError(
                file: file.path, .key("__metadata__.\(key)"), found: found ?? "no value",
                required: "\(value): \(otherwise)")
        }
    }

    /// A layer's weight where it is mapped.
    ///
    /// - Parameters:
    ///   - layer: The name of its weight without `.weight`.
    ///   - format: Of panels.
    /// - Throws: `CheckpointError` where the file has no such panels.
    func weight(
        _ layer: String, outputs: Int, inputs: Int, format: WeightFormat, bias: HostBuffer?
    ) throws(CheckpointError) -> LinearWeight {
        let declared = Self.declaration(layer, outputs: outputs, inputs: inputs, format: format)
        guard let tensor = file[declared.name] else {
            throw CheckpointError(
                file: file.path, .tensor(declared.name), found: "no such tensor", required: "the layer's panels")
        }
        guard tensor.dtype == declared.dtype, tensor.shape == declared.shape, let base = tensor.bytes.baseAddress,
            Int(bitPattern: base) % Self.alignment == 0
        else {
            throw CheckpointError(
                file: file.path, .tensor(declared.name), found: "\(tensor.dtype.rawValue) \(tensor.shape)",
                required: "\(declared.dtype.rawValue) \(declared.shape) at a multiple of \(Self.alignment) bytes")
        }
        return LinearWeight(
            outputs: outputs, inputs: inputs, panels: format, pointer: base, bias: bias, owner: tensor.owner)
    }

    /// What the file says of a layer's panels.
    static func declaration(
        _ layer: String, outputs: Int, inputs: Int, format: WeightFormat
    ) -> TensorDeclaration {
        let panels = (outputs + WeightFormat.panelOutputs - 1) / WeightFormat.panelOutputs
        let name = layer + ".weight_panels"
        guard let groupSize = format.groupSize else {
            return TensorDeclaration(
                name: name, dtype: .bfloat16, shape: [panels, (inputs + 1) / 2, WeightFormat.panelOutputs, 2])
        }
        let groups = inputs / groupSize
        let bytes = format.byteCount(outputs: WeightFormat.panelOutputs, inputs: groupSize)
        return TensorDeclaration(name: name, dtype: .unsigned8, shape: [panels, groups, bytes])
    }
}

extension LlamaConfiguration {
    /// Every matrix that may lie in panels: the linear layers, and the head where it is the embedding.
    var panelLayers: [LinearLayer] {
        let tied = LinearLayer(
            name: LlamaTensorName.headLayer, outputs: vocabularySize, inputs: hiddenSize)
        return linearLayers + (tiesEmbeddings ? [tied] : [])
    }
}
