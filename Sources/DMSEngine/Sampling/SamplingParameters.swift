/// How the next token is chosen, validated.
///
/// First come OpenAI's logit bias, then the penalties: repetition (as Transformers has it), presence and frequency (as
/// OpenAI has them). Semantics and order of the rest are those of Transformers' `generate`: temperature, top-k, top-p,
/// min-p, then one draw.
public struct SamplingParameters: Sendable, Hashable {
    /// Divides the logits; 0 is greedy.
    ///
    /// Greedy decoding is the same with and without top-k, top-p and min-p, none of
    /// which ever removes the best token.
    public let temperature: Float
    /// Keeps the k best tokens and those that tie with the last of them; `nil` keeps all.
    public let topK: Int?
    /// Keeps the smallest set of best tokens whose probability reaches this; 1 keeps all.
    public let topP: Double
    /// Keeps tokens at least this likely relative to the best; 0 keeps all.
    public let minP: Double
    /// Divides positive and multiplies negative logits of tokens seen before, prompt included; 1 changes nothing.
    public let repetitionPenalty: Float
    /// Is subtracted from the logit of every token generated before; 0 changes nothing.
    public let presencePenalty: Float
    /// Is subtracted from a token's logit as often as it was generated before; 0 changes nothing.
    public let frequencyPenalty: Float
    /// Is added to the logits of these tokens.
    public let logitBias: [Int32: Float]
    /// The same seed, prompt and weights give the same tokens.
    public let seed: UInt64

    /// The most tokens that can have a bias.
    public static let largestBiasCount = 1024

    /// The best token at each step.
    public static let greedy = SamplingParameters(greedyWithSeed: 0)

    /// - Throws: ``ParameterError`` for a value that is not finite or out of range.
    public init(
        temperature: Double = 0, topK: Int? = nil, topP: Double = 1, minP: Double = 0, repetitionPenalty: Double = 1,
        presencePenalty: Double = 0, frequencyPenalty: Double = 0, logitBias: [Int32: Double] = [:], seed: UInt64 = 0
    ) throws(ParameterError) {
        let narrowed = Float(temperature)
        guard temperature >= 0, narrowed.isFinite, temperature == 0 || narrowed > 0 else {
            throw ParameterError(field: "temperature", found: "\(temperature)", required: "0 or a positive number")
        }
        if let topK, !(1...Int(Int32.max)).contains(topK) {
            throw ParameterError(field: "topK", found: "\(topK)", required: "1 or more")
        }
        guard (0...1).contains(topP) else {
            throw ParameterError(field: "topP", found: "\(topP)", required: "0 to 1")
        }
        guard (0...1).contains(minP) else {
            throw ParameterError(field: "minP", found: "\(minP)", required: "0 to 1")
        }
        let penalty = Float(repetitionPenalty)
        // Far beyond any use, and it keeps penalised logits finite.
        guard (0.001...1000).contains(repetitionPenalty) else {
            throw ParameterError(
                field: "repetitionPenalty", found: "\(repetitionPenalty)", required: "0.001 to 1000")
        }
        for (field, value) in [("presencePenalty", presencePenalty), ("frequencyPenalty", frequencyPenalty)] {
            guard (-2...2).contains(value) else {
                throw ParameterError(field: field, found: "\(value)", required: "-2 to 2")
            }
        }
        guard logitBias.count <= Self.largestBiasCount else {
            throw ParameterError(
                field: "logitBias", found: "\(logitBias.count) tokens", required: "at most \(Self.largestBiasCount)")
        }
        for (token, bias) in logitBias.sorted(by: { $0.key < $1.key }) {
            guard token >= 0, (-100...100).contains(bias) else {
                throw ParameterError(
                    field: "logitBias", found: "\(bias) for token \(token)",
                    required: "-100 to 100 for a token of the vocabulary")
            }
        }
        self.temperature = narrowed
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.repetitionPenalty = penalty
        self.presencePenalty = Float(presencePenalty)
        self.frequencyPenalty = Float(frequencyPenalty)
        self.logitBias = logitBias.mapValues { Float($0) }
        self.seed = seed
    }

    private init(greedyWithSeed seed: UInt64) {
        temperature = 0
        topK = nil
        topP = 1
        minP = 0
        repetitionPenalty = 1
        presencePenalty = 0
        frequencyPenalty = 0
        logitBias = [:]
        self.seed = seed
    }

    /// Whether no random draw takes place.
    public var isGreedy: Bool { temperature == 0 }

    /// Checks what only the model's vocabulary can tell.
    ///
    /// - Throws: ``ParameterError`` for a bias of a token that the model does not have.
    public func validate(vocabularySize: Int) throws(ParameterError) {
        guard let largest = logitBias.keys.max(), largest >= vocabularySize else { return }
        throw ParameterError(
            field: "logitBias", found: "token \(largest)",
            required: "a token of the vocabulary, 0 ..< \(vocabularySize)")
    }
}
