package import DMSJSON

/// The sampling defaults of a model: its `generation_config.json`, checked.
///
/// A field is `nil` when the file does not say. Keys of other strategies (beams, contrastive search, penalties that
/// the sampler does not have) are not applied; they are listed in ``ignoredKeys``.
public struct GenerationConfiguration: Equatable, Sendable {
    /// `bos_token_id`, or that of `config.json`.
    public let beginOfTextID: Int32?
    /// `eos_token_id`, a number or a list, or that of `config.json` when the key is absent.
    ///
    /// Generation stops at any.
    public let endOfTextIDs: [Int32]
    /// Whether to sample rather than take the likeliest token (`do_sample`).
    public let samples: Bool?
    /// At least 0; 0 is greedy.
    public let temperature: Double?
    /// Tokens kept; 0 keeps all.
    public let topK: Int?
    /// Probability mass kept, 0 to 1.
    public let topP: Double?
    /// Least probability relative to the likeliest token's, 0 to 1.
    public let minP: Double?
    /// Above 0; 1 changes nothing.
    public let repetitionPenalty: Double?
    /// `max_new_tokens`.
    public let maximumNewTokens: Int?
    /// Keys that are not applied, in file order.
    public let ignoredKeys: [String]

    /// The defaults of a model without the file.
    public init(for configuration: LlamaConfiguration) {
        beginOfTextID = configuration.beginOfTextID
        endOfTextIDs = configuration.endOfTextIDs
        samples = nil
        temperature = nil
        topK = nil
        topP = nil
        minP = nil
        repetitionPenalty = nil
        maximumNewTokens = nil
        ignoredKeys = []
    }

    /// Parses the text of a `generation_config.json`.
    ///
    /// - Parameters:
    ///   - text: The whole file.
    ///   - configuration: The model's configuration, which bounds token ids and gives those the file lacks.
    ///   - file: The path that errors name.
    /// - Throws: ``CheckpointError`` naming the key.
    public init(
        parsing text: [UInt8], for configuration: LlamaConfiguration, file: String = "generation_config.json"
    ) throws(CheckpointError) {
        try self.init(ConfigurationReader.object(parsing: text, file: file), for: configuration, file: file)
    }

    /// Checks the object of a `generation_config.json`.
    package init(
        _ object: JSONObject, for configuration: LlamaConfiguration, file: String
    ) throws(CheckpointError) {
        let reader = ConfigurationReader(object: object, file: file)
        let vocabularySize = configuration.vocabularySize
        beginOfTextID =
            try reader.tokenID("bos_token_id", vocabularySize: vocabularySize) ?? configuration.beginOfTextID
        endOfTextIDs =
            try reader.tokenIDs("eos_token_id", vocabularySize: vocabularySize) ?? configuration.endOfTextIDs
        samples = try reader.boolean("do_sample")
        temperature = try reader.number("temperature", "a finite number, at least 0") { $0 >= 0 }
        topK = try reader.integer("top_k", in: 0...1 << 30)
        topP = try reader.number("top_p", "a number from 0 to 1") { $0 >= 0 && $0 <= 1 }
        minP = try reader.number("min_p", "a number from 0 to 1") { $0 >= 0 && $0 <= 1 }
        repetitionPenalty = try reader.number("repetition_penalty", "a finite number above 0") { $0 > 0 }
        maximumNewTokens = try reader.integer("max_new_tokens", in: 1...1 << 30)
        ignoredKeys = object.keys.filter { !Self.knownKeys.contains($0) }
    }

    /// Those that are read, those that say what a library returns, and records of who wrote the file.
    private static let knownKeys: Set<String> = [
        "_from_model_config", "bos_token_id", "do_sample", "eos_token_id", "max_new_tokens", "min_p",
        "output_attentions", "output_hidden_states", "output_logits", "output_scores", "pad_token_id",
        "repetition_penalty", "return_dict_in_generate", "temperature", "top_k", "top_p", "transformers_version",
        "use_cache",
    ]
}
