/// How the next token is chosen, validated.
///
/// Semantics and order are those of Transformers' `generate`: repetition penalty, temperature, top-k, top-p, min-p,
/// then one draw.
public struct SamplingParameters: Sendable, Hashable {
    /// Divides the logits; 0 is greedy.
    ///
    /// Greedy decoding is the same with and without top-k, top-p and min-p, none of
    /// which ever removes the best token.
    public let temperature: Float
    /// Keeps the k best tokens and those that tie with the last of them; `nil` keeps all.
    public let topK: Int?
    /// Keeps the smallest set of best tokens whose probability exceeds this; 1 keeps all.
    public let topP: Double
    /// Keeps tokens at least this likely relative to the best; 0 keeps all.
    public let minP: Double
    /// Divides positive and multiplies negative logits of tokens seen before, prompt included; 1 changes nothing.
    public let repetitionPenalty: Float
    /// The same seed, prompt and weights give the same tokens.
    public let seed: UInt64

    /// The best token at each step.
    public static let greedy = SamplingParameters(greedyWithSeed: 0)

    /// - Throws: ``ParameterError`` for a value that is not finite or out of range.
    public init(
        temperature: Double = 0, topK: Int? = nil, topP: Double = 1, minP: Double = 0, repetitionPenalty: Double = 1,
        seed: UInt64 = 0
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
        self.temperature = narrowed
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.repetitionPenalty = penalty
        self.seed = seed
    }

    private init(greedyWithSeed seed: UInt64) {
        temperature = 0
        topK = nil
        topP = 1
        minP = 0
        repetitionPenalty = 1
        self.seed = seed
    }

    /// Whether no random draw takes place.
    public var isGreedy: Bool { temperature == 0 }
}
