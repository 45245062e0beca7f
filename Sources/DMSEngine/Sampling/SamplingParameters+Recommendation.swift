public import DMSCheckpoint

extension SamplingParameters {
    /// What a checkpoint recommends: its sampling where it says to sample, else the best token at each step; its
    /// repetition penalty in both.
    ///
    /// What `generation_config.json` does not name is off, and the temperature 1.
    ///
    /// - Throws: ``ParameterError`` for a recommendation that no sampler could follow.
    public init(recommendedBy generation: GenerationConfiguration, seed: UInt64 = 0) throws(ParameterError) {
        let penalty = generation.repetitionPenalty ?? 1
        guard generation.samples == true else {
            try self.init(repetitionPenalty: penalty, seed: seed)
            return
        }
        try self.init(
            temperature: generation.temperature ?? 1, topK: generation.topK == 0 ? nil : generation.topK,
            topP: generation.topP ?? 1, minP: generation.minP ?? 0, repetitionPenalty: penalty, seed: seed)
    }
}
