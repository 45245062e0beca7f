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
        try validateWeights(hasAdapters: statesGateAdapters())
    }

    /// The same where the files do not say yet whether decisions come from adapters.
    func validateWeights(hasAdapters: Bool) throws(CheckpointError) {
        let requirements = TensorRequirements(
            configuration: configuration, hasAdapters: hasAdapters, path: path
        ) { weights[$0] }
        if let first = requirements.errors(names: weights.names).first { throw first }
    }
}
