/// How the tensors of a file change when borrowed query channels become adapters; no number changes but rows that
/// become 0.
struct AdapterRewrite {
    /// What a tensor of the new file holds.
    enum Content {
        case copy(MappedTensor)
        /// Some of its rows, or of its elements where it has one dimension.
        case rows(MappedTensor, [Int])
        /// All of it, those rows 0.
        case silenced(MappedTensor, [Int])
    }

    /// The rows of a query projection that are borrowed.
    private let rows: [Int]
    private let silences: Bool
    private let layers: [String: Int]

    private static let norm = "input_layernorm.weight"
    private static let weight = "self_attn.q_proj.weight"
    private static let bias = "self_attn.q_proj.bias"

    init(_ configuration: LlamaConfiguration, channel: Int, silences: Bool) {
        self.silences = silences
        let (group, dimension) = (configuration.groupSize, configuration.headDimension)
        rows = (0..<configuration.keyValueHeadCount).map { $0 * group * dimension + channel }
        var layers: [String: Int] = [:]
        for layer in 0..<configuration.layerCount {
            for part in [Self.norm, Self.weight, Self.bias] { layers[LlamaTensorName.layer(layer, part)] = layer }
        }
        self.layers = layers
    }

    /// What stands in the new file in place of a tensor.
    func tensors(for tensor: MappedTensor) -> [(declaration: TensorDeclaration, content: Content)] {
        guard let layer = layers[tensor.name] else { return [entry(tensor.name, tensor.shape, .copy(tensor))] }
        if tensor.name.hasSuffix(Self.norm) {
            return [
                entry(tensor.name, tensor.shape, .copy(tensor)),
                entry(GateAdapterTensorName.norm(layer), tensor.shape, .copy(tensor)),
            ]
        }
        let isBias = tensor.name.hasSuffix(Self.bias)
        let name = isBias ? GateAdapterTensorName.bias(layer) : GateAdapterTensorName.projection(layer)
        return [
            entry(tensor.name, tensor.shape, silences ? .silenced(tensor, rows) : .copy(tensor)),
            entry(name, [rows.count] + tensor.shape.dropFirst(), .rows(tensor, rows)),
        ]
    }

    private func entry(
        _ name: String, _ shape: [Int], _ content: Content
    ) -> (declaration: TensorDeclaration, content: Content) {
        let dtype =
            switch content {
            case .copy(let tensor), .rows(let tensor, _), .silenced(let tensor, _): tensor.dtype
            }
        return (TensorDeclaration(name: name, dtype: dtype, shape: shape), content)
    }
}

extension AdapterRewrite.Content {
    func write(to output: inout FileOutput) throws(CheckpointError) {
        switch self {
        case .copy(let tensor): try output.append(tensor.bytes)
        case .rows(let tensor, let rows):
            for row in rows { try output.append(tensor.row(row)) }
        case .silenced(let tensor, let rows):
            let zeros = [UInt8](repeating: 0, count: tensor.bytes.count / max(1, tensor.shape[0]))
            for row in 0..<tensor.shape[0] {
                if rows.contains(row) { try output.append(zeros) } else { try output.append(tensor.row(row)) }
            }
        }
    }
}

extension MappedTensor {
    /// One row, valid as long as ``bytes``.
    fileprivate func row(_ index: Int) -> UnsafeRawBufferPointer {
        let width = bytes.count / max(1, shape[0])
        return UnsafeRawBufferPointer(rebasing: bytes[index * width..<(index + 1) * width])
    }
}
