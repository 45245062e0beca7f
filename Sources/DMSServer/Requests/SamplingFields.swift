import DMSCheckpoint
import DMSEngine
import DMSJSON

/// How a client wants tokens to be chosen; what it does not say is `nil`.
struct SamplingFields: Sendable, Hashable {
    static let keys = [
        "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty",
        "logit_bias", "seed",
    ]

    var temperature: Double?
    var topP: Double?
    /// 0 keeps all tokens.
    var topK: Int?
    var minP: Double?
    var repetitionPenalty: Double?
    var presencePenalty = 0.0
    var frequencyPenalty = 0.0
    var logitBias: [Int32: Double] = [:]
    var seed: Int64?

    init() {}

    init(_ fields: Fields) throws(APIError) {
        temperature = try fields.number("temperature", in: 0...2)
        topP = try fields.number("top_p", in: 0...1)
        // Other servers write −1 for all.
        topK = try fields.integer("top_k", in: -1...Int(Int32.max)).map { max($0, 0) }
        minP = try fields.number("min_p", in: 0...1)
        repetitionPenalty = try fields.number("repetition_penalty", in: 0.001...1000)
        presencePenalty = try fields.number("presence_penalty", in: -2...2) ?? 0
        frequencyPenalty = try fields.number("frequency_penalty", in: -2...2) ?? 0
        seed = try fields.integer("seed", in: Int.min...Int.max).map { Int64($0) }
        logitBias = try Self.logitBias(fields)
    }

    private static func logitBias(_ fields: Fields) throws(APIError) -> [Int32: Double] {
        guard let object = try fields.object("logit_bias") else { return [:] }
        let path = fields.path("logit_bias")
        guard object.count <= SamplingParameters.largestBiasCount else {
            throw .invalid(
                path, found: "\(object.count) tokens", required: "at most \(SamplingParameters.largestBiasCount)")
        }
        var biases: [Int32: Double] = [:]
        for (key, value) in object.entries {
            guard let token = Int32(key), token >= 0, String(token) == key else {
                throw .invalid(path, found: "a key that is no token id", required: "token ids as keys")
            }
            guard let bias = value.doubleValue, (-100...100).contains(bias) else {
                throw .invalid("\(path).\(key)", found: Fields.found(value), required: "a number, -100 to 100")
            }
            biases[token] = bias
        }
        return biases
    }

    /// The parameters of one choice.
    ///
    /// - Parameters:
    ///   - seed: The first choice's; the others have those that follow, so that each can be repeated by itself.
    /// - Throws: `ParameterError` for a value that only the engine knows to be wrong.
    func parameters(
        _ defaults: SamplingDefaults, seed: UInt64, choice: Int
    ) throws(ParameterError) -> SamplingParameters {
        let topK = topK ?? defaults.topK
        return try SamplingParameters(
            temperature: temperature ?? defaults.temperature, topK: topK == 0 ? nil : topK,
            topP: topP ?? defaults.topP, minP: minP ?? defaults.minP,
            repetitionPenalty: repetitionPenalty ?? defaults.repetitionPenalty, presencePenalty: presencePenalty,
            frequencyPenalty: frequencyPenalty, logitBias: logitBias,
            seed: seed &+ UInt64(truncatingIfNeeded: choice))
    }
}

/// What a checkpoint recommends, and OpenAI's defaults where it does not.
struct SamplingDefaults: Sendable, Hashable {
    var temperature = 1.0
    /// 0 keeps all tokens.
    var topK = 0
    var topP = 1.0
    var minP = 0.0
    var repetitionPenalty = 1.0

    init() {}

    /// Its sampling counts only where it says to sample, as for `dms generate`.
    init(_ generation: GenerationConfiguration) {
        repetitionPenalty = generation.repetitionPenalty ?? 1
        guard generation.samples == true else { return }
        temperature = generation.temperature ?? 1
        topK = generation.topK ?? 0
        topP = generation.topP ?? 1
        minP = generation.minP ?? 0
    }
}
