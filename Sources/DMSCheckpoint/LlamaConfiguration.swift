public import DMSJSON

/// The shape of a model of a supported ``ModelFamily``, Llama or one of its kin: its `config.json`, checked.
///
/// Both spellings are read: the classic keys (`rope_theta`, `rope_scaling`, `torch_dtype`) and those that newer
/// writers use (`rope_parameters`, `dtype`). Where a file has both they must agree.
///
/// Keys that change the computation in a way that is not implemented are refused by name unless they hold their
/// neutral value; see `UnsupportedKeys`. Keys known not to change it, and all `dms_` keys, are ignored here. All
/// others are ignored too, and listed in ``ignoredKeys`` so that they can be shown.
public struct LlamaConfiguration: Equatable, Sendable {
    /// What `model_type` names.
    public let family: ModelFamily
    /// Width of the residual stream (`hidden_size`).
    public let hiddenSize: Int
    /// Width of the feed-forward layer (`intermediate_size`).
    public let intermediateSize: Int
    /// `num_hidden_layers`.
    public let layerCount: Int
    /// Query heads of one layer (`num_attention_heads`).
    public let headCount: Int
    /// Key and value heads of one layer (`num_key_value_heads`; as many as query heads when absent).
    public let keyValueHeadCount: Int
    /// Channels of one head, even (`head_dim`; `hidden_size / num_attention_heads` when absent).
    public let headDimension: Int
    /// Rows of the embedding (`vocab_size`).
    public let vocabularySize: Int
    /// The epsilon of every RMSNorm (`rms_norm_eps`).
    public let normEpsilon: Float
    /// The longest context the model was made for (`max_position_embeddings`).
    public let maximumPositions: Int
    /// Whether the output head is the embedding (`tie_word_embeddings`; false when absent).
    public let tiesEmbeddings: Bool
    /// Whether the q, k, v and o projections have biases (`attention_bias`; false when absent).
    public let hasAttentionBias: Bool
    /// Whether the gate, up and down projections have biases (`mlp_bias`; false when absent).
    public let hasFeedForwardBias: Bool
    /// How positions rotate.
    public let rope: RopeParameters
    /// `bos_token_id`.
    public let beginOfTextID: Int32?
    /// `eos_token_id`, a number or a list; empty when absent.
    public let endOfTextIDs: [Int32]
    /// The element type the file says its weights have, for information: each tensor carries its own.
    public let statedDataType: String?
    /// Which linear layers are stored as integers (`quantization_config`); `nil` where none is.
    public let quantization: WeightQuantization?
    /// Keys that are neither read nor known to be harmless, in file order.
    public let ignoredKeys: [String]
    /// The whole object, as it was read.
    public let raw: JSONObject

    /// Query heads that share one key and value head.
    public var groupSize: Int { headCount / keyValueHeadCount }

    /// Parses the text of a `config.json`.
    ///
    /// - Throws: ``CheckpointError`` naming the key.
    public init(parsing text: [UInt8], file: String = "config.json") throws(CheckpointError) {
        try self.init(ConfigurationReader.object(parsing: text, file: file), file: file)
    }

    /// Checks a configuration.
    ///
    /// - Parameters:
    ///   - raw: The object, with the keys of a `config.json`.
    ///   - file: The path that errors name.
    /// - Throws: ``CheckpointError`` naming the key.
    public init(_ raw: JSONObject, file: String = "config.json") throws(CheckpointError) {
        let reader = ConfigurationReader(object: raw, file: file)
        let family = try ModelFamily.named(in: reader)
        try UnsupportedKeys.refuse(in: reader, family: family)
        if let activation = reader.value("hidden_act"), activation != .string("silu") {
            throw reader.fail("hidden_act", found: CheckpointError.shown(activation), required: "\"silu\"")
        }
        self.family = family
        self.raw = raw
        hiddenSize = try reader.requiredInteger("hidden_size", in: 1...1 << 20)
        intermediateSize = try reader.requiredInteger("intermediate_size", in: 1...1 << 22)
        layerCount = try reader.requiredInteger("num_hidden_layers", in: 1...1024)
        headCount = try reader.requiredInteger("num_attention_heads", in: 1...4096)
        keyValueHeadCount = try reader.integer("num_key_value_heads", in: 1...4096) ?? headCount
        headDimension = try Self.headDimension(reader, hiddenSize: hiddenSize, headCount: headCount)
        vocabularySize = try reader.requiredInteger("vocab_size", in: 1...1 << 24)
        maximumPositions = try reader.requiredInteger("max_position_embeddings", in: 1...1 << 30)
        normEpsilon = Float(
            try reader.requiredNumber("rms_norm_eps", "a finite number, 0 < rms_norm_eps < 1 as a 32-bit float") {
                Float($0) > 0 && Float($0) < 1
            })
        tiesEmbeddings = try reader.boolean("tie_word_embeddings") ?? false
        hasAttentionBias = try reader.boolean("attention_bias") ?? false
        hasFeedForwardBias = try reader.boolean("mlp_bias") ?? false
        rope = try RopeParameters(reader)
        beginOfTextID = try reader.tokenID("bos_token_id", vocabularySize: vocabularySize)
        endOfTextIDs = try reader.tokenIDs("eos_token_id", vocabularySize: vocabularySize) ?? []
        statedDataType = try Self.statedDataType(reader)
        quantization = try WeightQuantization.read(reader)
        ignoredKeys = raw.keys.filter { !KnownKeys.contains($0, family: family) }
        guard headCount % keyValueHeadCount == 0 else {
            throw reader.fail(
                "num_key_value_heads", found: "\(keyValueHeadCount)",
                required: "a divisor of num_attention_heads, which is \(headCount)")
        }
        guard let quantization else { return }
        for layer in linearLayers {
            guard let scheme = quantization.scheme(of: layer.name), layer.inputs % scheme.groupSize != 0 else {
                continue
            }
            throw reader.fail(
                "quantization_config", found: "groups of \(scheme.groupSize) for \(layer.name)",
                required: "a divisor of its \(layer.inputs) inputs")
        }
    }

    private static func headDimension(
        _ reader: ConfigurationReader, hiddenSize: Int, headCount: Int
    ) throws(CheckpointError) -> Int {
        if let dimension = try reader.integer("head_dim", in: 2...4096) {
            guard dimension % 2 == 0 else {
                throw reader.fail("head_dim", found: "\(dimension)", required: "an even integer, as RoPE turns pairs")
            }
            return dimension
        }
        let dimension = hiddenSize / headCount
        guard hiddenSize % headCount == 0, dimension % 2 == 0, dimension <= 4096 else {
            throw reader.fail(
                "head_dim", found: "no value, with hidden_size \(hiddenSize) and num_attention_heads \(headCount)",
                required: "head_dim, or a hidden_size that is an even multiple of num_attention_heads")
        }
        return dimension
    }

    private static func statedDataType(_ reader: ConfigurationReader) throws(CheckpointError) -> String? {
        let classic = try reader.string("torch_dtype")
        let new = try reader.string("dtype")
        if let classic, let new, classic != new {
            throw reader.fail(
                "dtype", found: "\"\(new)\", while torch_dtype is \"\(classic)\"", required: "the same value")
        }
        return new ?? classic
    }
}
