import DMSCheckpoint

extension SamplingOptions.Defaults {
    /// What a checkpoint recommends.
    init(_ generation: GenerationConfiguration) {
        self.init(
            samples: generation.samples ?? false, temperature: generation.temperature, topK: generation.topK,
            topP: generation.topP, minP: generation.minP, repetitionPenalty: generation.repetitionPenalty)
    }
}
