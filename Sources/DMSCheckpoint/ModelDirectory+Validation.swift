extension ModelDirectory {
    /// Every tensor that the configuration demands, see ``LlamaConfiguration/expectedTensors``, and those of gate
    /// adapters where there are such.
    public var expectedTensors: [ExpectedTensor] {
        configuration.expectedTensors + (hasGateAdapters ? configuration.adapterTensors : [])
    }

    /// Requires that the weights are exactly those of the configuration, in BF16, F16 or F32 (mixtures are fine), or
    /// as integers where the configuration says so.
    ///
    /// Gate adapters are among them exactly when the DMS metadata give them as the source of decisions.
    ///
    /// Two more kinds of tensor may be there. Names ending in `.rotary_emb.inv_freq` are a legacy of old writers and
    /// ignored: the frequencies follow from the configuration. And with tied embeddings some writers store
    /// `lm_head.weight` all the same; it must equal the embedding bit for bit, because readers disagree about which
    /// of two different heads counts.
    ///
    /// O(tensors), plus one comparison of the embedding in that last case.
    ///
    /// - Throws: ``CheckpointError`` naming the first tensor that is missing, mis-shaped, of another element type, or
    ///   not part of such a model, and what ``DMSMetadata/read(directory:config:overrides:)`` throws.
    public func validateWeights() throws(CheckpointError) {
        let expected = configuration.storedTensors + (try statesGateAdapters() ? configuration.adapterTensors : [])
        let missing = expected.filter { weights[$0.name] == nil }
        if let first = missing.first {
            throw CheckpointError(
                file: path, .tensor(first.name),
                found: missing.count == 1 ? "no such tensor" : "no such tensor, nor \(missing.count - 1) others",
                required: "shape \(first.shape), \(first.meaning)")
        }
        for requirement in expected { try check(weights[requirement.name]!, against: requirement) }
        for layer in configuration.linearLayers where configuration.quantization?.scheme(of: layer.name) != nil {
            try checkShape(of: layer)
        }
        var known = Set(expected.map(\.name))
        if configuration.tiesEmbeddings, let head = weights[LlamaTensorName.outputHead] {
            try requireTied(head)
            known.insert(head.name)
        }
        for name in weights.names where !known.contains(name) && !name.hasSuffix(".rotary_emb.inv_freq") {
            let tensor = weights[name]!
            throw CheckpointError(
                file: tensor.file, .tensor(name), found: "a tensor of shape \(tensor.shape)",
                required: "only tensors that the model of config.json has\(hint(forUnexpected: name))")
        }
    }

    private func check(_ tensor: MappedTensor, against requirement: ExpectedTensor) throws(CheckpointError) {
        guard tensor.shape == requirement.shape else {
            throw CheckpointError(
                file: tensor.file, .tensor(tensor.name), found: "shape \(tensor.shape)",
                required: "shape \(requirement.shape), \(requirement.meaning) of config.json")
        }
        guard requirement.type.map({ tensor.dtype == $0 }) ?? tensor.dtype.isWeightType else {
            throw CheckpointError(
                file: tensor.file, .tensor(tensor.name), found: "element type \(tensor.dtype.rawValue)",
                required: requirement.type?.rawValue ?? "BF16, F16 or F32")
        }
    }

    /// Requires that what a layer of integers says of its shape is what the configuration says.
    private func checkShape(of layer: LinearLayer) throws(CheckpointError) {
        guard let tensor = weights[QuantizedTensorName.shape(layer.name)] else { return }
        let stated = (0..<2).map {
            Int64(littleEndian: tensor.bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self))
        }
        guard stated == [Int64(layer.outputs), Int64(layer.inputs)] else {
            throw CheckpointError(
                file: tensor.file, .tensor(tensor.name), found: "\(stated)",
                required: "[\(layer.outputs), \(layer.inputs)], as config.json has it")
        }
    }

    private func requireTied(_ head: MappedTensor) throws(CheckpointError) {
        let embedding = weights[LlamaTensorName.embedding]!
        guard head.shape == embedding.shape, head.dtype == embedding.dtype,
            SystemCalls.equal(head.bytes, embedding.bytes)
        else {
            throw CheckpointError(
                file: head.file, .tensor(head.name), found: "a tensor that differs from \(embedding.name)",
                required: "an equal one or none, as tie_word_embeddings is true in config.json")
        }
    }

    /// The likeliest key of `config.json` behind a tensor that should not be there.
    private func hint(forUnexpected name: String) -> String {
        if name.contains(GateAdapterTensorName.part) {
            return name.hasSuffix(".bias")
                ? " (attention_bias is false there)"
                : " (decision_source \"adapter\" is stated neither there nor in \(DMSMetadata.fileName))"
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
