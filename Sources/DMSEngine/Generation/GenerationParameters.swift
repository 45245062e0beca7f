/// What to generate, validated.
public struct GenerationParameters: Sendable, Hashable {
    /// How the next token is chosen.
    public let sampling: SamplingParameters
    /// At most so many tokens.
    public let maximumTokens: Int
    /// Tokens that end the continuation; they are part of its ids and not of its text.
    public let endTokens: Set<Int32>
    /// Prompt tokens per forward pass.
    ///
    /// Any size gives the same result; larger ones are faster and need more memory.
    public let prefillChunk: Int

    /// The prefill chunk unless told otherwise.
    public static let defaultPrefillChunk = 512

    /// - Throws: ``ParameterError`` for a value out of range.
    public init(
        sampling: SamplingParameters = .greedy, maximumTokens: Int, endTokens: Set<Int32> = [],
        prefillChunk: Int = defaultPrefillChunk
    ) throws(ParameterError) {
        guard (1...Int(Int32.max)).contains(maximumTokens) else {
            throw ParameterError(field: "maximumTokens", found: "\(maximumTokens)", required: "1 or more")
        }
        guard (1...1 << 20).contains(prefillChunk) else {
            throw ParameterError(field: "prefillChunk", found: "\(prefillChunk)", required: "1 to 1048576")
        }
        self.sampling = sampling
        self.maximumTokens = maximumTokens
        self.endTokens = endTokens
        self.prefillChunk = prefillChunk
    }
}
