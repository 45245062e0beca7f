/// Which tensors a model of some configuration must have, compared with those that there are.
package struct TensorRequirements {
    private let configuration: LlamaConfiguration
    private let path: String
    private let hasAdapters: Bool
    private let expected: [ExpectedTensor]
    private let tensor: (String) -> MappedTensor?

    /// - Parameters:
    ///   - hasAdapters: Whether decisions come from gate adapters, whose tensors are then required.
    ///   - path: The directory, for messages.
    ///   - tensor: What there is under a name.
    package init(
        configuration: LlamaConfiguration, hasAdapters: Bool, path: String, tensor: @escaping (String) -> MappedTensor?
    ) {
        self.configuration = configuration
        self.hasAdapters = hasAdapters
        expected = configuration.storedTensors + (hasAdapters ? configuration.adapterTensors : [])
        self.path = path
        self.tensor = tensor
    }

    /// Everything that is wrong: first the tensors that are missing, all in one error, then each that is not what it must
    /// be, then each that must not be there.
    ///
    /// - Parameter names: Of all tensors that there are.
    package func errors(names: [String]) -> [CheckpointError] {
        (missing().map { [$0] } ?? []) + wrong() + unexpected(names)
    }

    /// The names of the tensors that there are not.
    package var missingNames: [String] { expected.map(\.name).filter { tensor($0) == nil } }

    /// The same as an error.
    package func missing() -> CheckpointError? {
        let missing = missingNames
        return expected.first { $0.name == missing.first }.map { first in
            CheckpointError(
                file: path, .tensor(first.name),
                found: missing.count == 1 ? "no such tensor" : "no such tensor, nor \(missing.count - 1) others",
                required: "shape \(first.shape), \(first.meaning)")
        }
    }

    /// Tensors of another shape or type than they must have.
    package func wrong() -> [CheckpointError] {
        var errors = expected.compactMap { requirement in
            tensor(requirement.name).flatMap { error(of: $0, against: requirement) }
        }
        if !errors.isEmpty { return errors }
        for layer in configuration.linearLayers where configuration.quantization?.scheme(of: layer.name) != nil {
            if let error = errorOfShape(layer) { errors.append(error) }
        }
        if let error = errorOfTiedHead() { errors.append(error) }
        return errors
    }

    /// Tensors that such a model does not have.
    package func unexpected(_ names: [String]) -> [CheckpointError] {
        var known = Set(expected.map(\.name))
        if configuration.tiesEmbeddings { known.insert(LlamaTensorName.outputHead) }
        return names.compactMap { name in
            guard !known.contains(name), !name.hasSuffix(".rotary_emb.inv_freq"), let tensor = tensor(name) else {
                return nil
            }
            return CheckpointError(
                file: tensor.file, .tensor(name), found: "a tensor of shape \(tensor.shape)",
                required: "only tensors that the model of config.json has\(hint(forUnexpected: name))")
        }
    }

    private func error(of tensor: MappedTensor, against requirement: ExpectedTensor) -> CheckpointError? {
        guard tensor.shape == requirement.shape else {
            return CheckpointError(
                file: tensor.file, .tensor(tensor.name), found: "shape \(tensor.shape)",
                required: "shape \(requirement.shape), \(requirement.meaning) of config.json")
        }
        guard requirement.type.map({ tensor.dtype == $0 }) ?? tensor.dtype.isWeightType else {
            return CheckpointError(
                file: tensor.file, .tensor(tensor.name), found: "element type \(tensor.dtype.rawValue)",
                required: requirement.type?.rawValue ?? "BF16, F16 or F32")
        }
        return nil
    }

    /// What a layer of integers says of its shape, where that is not what the configuration says.
    private func errorOfShape(_ layer: LinearLayer) -> CheckpointError? {
        guard let tensor = tensor(QuantizedTensorName.shape(layer.name)) else { return nil }
        let stated = (0..<2).map {
            Int64(littleEndian: tensor.bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self))
        }
        guard stated != [Int64(layer.outputs), Int64(layer.inputs)] else { return nil }
        return CheckpointError(
            file: tensor.file, .tensor(tensor.name), found: "\(stated)",
            required: "[\(layer.outputs), \(layer.inputs)], as config.json has it")
    }

    private func errorOfTiedHead() -> CheckpointError? {
        guard configuration.tiesEmbeddings, let head = tensor(LlamaTensorName.outputHead),
            let embedding = tensor(LlamaTensorName.embedding)
        else { return nil }
        let isEqual =
            head.shape == embedding.shape && head.dtype == embedding.dtype
            && SystemCalls.equal(head.bytes, embedding.bytes)
        if isEqual { return nil }
        return CheckpointError(
            file: head.file, .tensor(head.name), found: "a tensor that differs from \(embedding.name)",
            required: "an equal one or none, as tie_word_embeddings is true in config.json")
    }

    /// The likeliest key of `config.json` behind a tensor that should not be there.
    private func hint(forUnexpected name: String) -> String {
        if name.contains(GateAdapterTensorName.part) {
            if !hasAdapters {
                return " (decision_source \"adapter\" is stated neither there nor in \(DMSMetadata.fileName))"
            }
            if name.hasSuffix(".bias"), !configuration.hasAttentionBias { return " (attention_bias is false there)" }
        }
        if name.hasSuffix("_proj.bias") {
            return name.contains(".self_attn.") ? " (attention_bias is false there)" : " (mlp_bias is false there)"
        }
        if let index = name.split(separator: ".").dropFirst(2).first.flatMap({ Int($0) }),
            name.hasPrefix("model.layers."), index >= configuration.layerCount
        {
            return " (num_hidden_layers is \(configuration.layerCount) there)"
        }
        return ""
    }
}
