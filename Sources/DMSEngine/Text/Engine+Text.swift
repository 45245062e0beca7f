import DMSCheckpoint
public import DMSModel
public import DMSTensor
import DMSTokenizer

extension Engine {
    /// Opens a checkpoint and serves it.
    ///
    /// ```swift
    /// let engine = try Engine(directory: "models/llama")
    /// for try await piece in try engine.stream("The film was released in") { print(piece, terminator: "") }
    /// ```
    ///
    /// - Parameters:
    ///   - directory: As ``LoadedModel/init(directory:precision:threads:overrides:)`` takes it.
    ///   - precision: How products are computed.
    ///   - threads: Threads that compute; `nil` takes one per processor that this process may use.
    ///   - configuration: Memory and steps; `nil` stores keys and values in the precision, without a bound on memory.
    /// - Throws: What opening the model and ``init(_:configuration:sessions:eviction:)`` throw.
    public convenience init(
        directory: String, precision: Precision = .bf16, threads: Int? = nil,
        configuration: EngineConfiguration? = nil
    ) throws {
        try self.init(
            LoadedModel(directory: directory, precision: precision, threads: threads), configuration: configuration)
    }

    /// Serves a model that has been opened, with its tokenizer and what its files recommend.
    ///
    /// - Parameters:
    ///   - configuration: Memory and steps; `nil` stores keys and values in the model's precision, without a bound on
    ///     memory.
    ///   - sessions: Where conversations are saved; without it requests that name one are refused.
    ///   - eviction: Who decides what is evicted.
    /// - Throws: As ``init(_:tokenizer:generation:configuration:sessions:eviction:)``.
    public convenience init(
        _ loaded: LoadedModel, configuration: EngineConfiguration? = nil, sessions: SessionFolder? = nil,
        eviction: EvictionControl = .model
    ) throws {
        let type = loaded.model.precision.cacheType
        try self.init(
            loaded.model, tokenizer: loaded.tokenizer, generation: loaded.directory.generationConfiguration,
            configuration: configuration ?? EngineConfiguration(kvType: type), sessions: sessions, eviction: eviction)
    }

    /// Continues a text.
    ///
    /// The tokenizer puts before it what it puts before every text, unless it follows a conversation, and special
    /// tokens that are written in it count as such: encode text of people one does not trust with
    /// `parseSpecialTokens: false` and ``submit(_:)`` it. The model's end-of-text tokens end the continuation.
    ///
    /// - Parameters:
    ///   - sampling: How tokens are chosen; `nil` takes what the checkpoint recommends:
    ///     ``SamplingParameters/init(recommendedBy:seed:)``.
    ///   - stopStrings: Texts before which the continuation ends.
    ///   - continuing: A saved conversation that the text follows.
    ///   - saving: Where the conversation is saved when the continuation has come to an end of its own.
    ///   - timeLimit: The time from now after which the continuation ends unfinished, with ``FinishReason/deadline``.
    ///   - reportsCache: Whether ``TextStream/cache`` says what the continuation holds in the cache.
    /// - Throws: What ``submit(_:)`` throws, and ``ParameterError`` for a value out of range or an engine without a
    ///   tokenizer. A cancelled task throws `CancellationError` where it reads.
    public func stream(
        _ prompt: String, maximumTokens: Int = 256, sampling: SamplingParameters? = nil, stopStrings: [String] = [],
        continuing: SessionName? = nil, saving: SessionName? = nil, timeLimit: Duration? = nil,
        reportsCache: Bool = false
    ) throws -> TextStream {
        guard let tokenizer else {
            throw ParameterError(
                field: "prompt", found: "a text", required: "tokens, for an engine without a tokenizer")
        }
        // A long text is not cut into tokens for nothing.
        try requireRoom()
        let request = try GenerationRequest(
            prompt: tokenizer.encode(prompt, addSpecialTokens: continuing == nil),
            sampling: sampling ?? SamplingParameters(recommendedBy: generation), maximumTokens: maximumTokens,
            endTokens: Set(generation.endOfTextIDs), stopStrings: stopStrings, timeLimit: timeLimit,
            continuing: continuing, saving: saving, reportsCache: reportsCache)
        return TextStream(try submit(request), of: self)
    }
}
