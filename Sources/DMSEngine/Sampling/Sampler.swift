public import DMSGrammar

/// Chooses tokens for one sequence.
///
/// The choice depends on the parameters, the tokens observed, the logits and the number of the step; on nothing else.
public struct Sampler: Sendable {
    /// How tokens are chosen.
    public let parameters: SamplingParameters
    private let bias: LogitBiasFilter?
    private var penalty: RepetitionPenaltyFilter?
    private var presence: PresencePenaltyFilter?
    private var frequency: FrequencyPenaltyFilter?
    /// In the order in which they apply.
    private let filters: [any LogitFilter]
    private let draw: SamplingDraw
    private var candidates = Candidates()

    /// A sampler that has observed nothing.
    public init(_ parameters: SamplingParameters) {
        self.parameters = parameters
        draw = SamplingDraw(seed: parameters.seed)
        bias = parameters.logitBias.isEmpty ? nil : LogitBiasFilter(parameters.logitBias)
        if parameters.presencePenalty != 0 { presence = PresencePenaltyFilter(parameters.presencePenalty) }
        if parameters.frequencyPenalty != 0 { frequency = FrequencyPenaltyFilter(parameters.frequencyPenalty) }
        if parameters.repetitionPenalty != 1 { penalty = RepetitionPenaltyFilter(parameters.repetitionPenalty) }
        var filters: [any LogitFilter] = []
        if !parameters.isGreedy {
            if parameters.temperature != 1 { filters.append(TemperatureFilter(parameters.temperature)) }
            if let topK = parameters.topK { filters.append(TopKFilter(topK)) }
            if parameters.topP < 1 { filters.append(TopPFilter(parameters.topP)) }
            if parameters.minP > 0 { filters.append(MinPFilter(parameters.minP)) }
        }
        self.filters = filters
    }

    /// Tells the sampler about tokens of the prompt; its own choices it observes itself.
    public mutating func observe(_ tokens: some Sequence<Int32>) { penalty?.observe(tokens) }

    /// Whether the choice is the largest logit as it comes, and nothing has to be remembered.
    private var isPlain: Bool {
        parameters.isGreedy && bias == nil && penalty == nil && presence == nil && frequency == nil
    }

    /// Chooses the token that follows.
    ///
    /// - Parameters:
    ///   - logits: One per token of the vocabulary.
    ///   - step: Tokens of the continuation so far.
    ///   - allowed: The only tokens that can be chosen, at least one; biases, penalties and filters see no others.
    /// - Throws: ``SamplingError`` when a logit is NaN or infinite, which no sound checkpoint gives.
    public mutating func choose(
        _ logits: UnsafeBufferPointer<Float>, step: Int, allowed: TokenMask? = nil
    ) throws(SamplingError) -> Int32 {
        precondition(!logits.isEmpty, "no logits")
        if let index = logits.firstNotFinite { throw SamplingError(token: index, logit: logits[index]) }
        // Where nothing changes a logit, the best needs no list of candidates.
        if isPlain && allowed == nil { return Int32(logits.largestIndex) }
        if let allowed { candidates.fill(logits, allowing: allowed) } else { candidates.fill(logits) }
        precondition(candidates.count > 0, "no token of the vocabulary is allowed")
        bias?.apply(to: &candidates)
        penalty?.apply(to: &candidates)
        presence?.apply(to: &candidates)
        frequency?.apply(to: &candidates)
        for filter in filters { filter.apply(to: &candidates) }
        let chosen = parameters.isGreedy ? candidates.best : drawn(step: step)
        let token = candidates.ids[chosen]
        observe(CollectionOfOne(token))
        presence?.observe(token)
        frequency?.observe(token)
        return token
    }

    /// Inverse transform over the candidates in order of id.
    private mutating func drawn(step: Int) -> Int {
        candidates.weigh()
        let target = draw.uniform(step: step) * candidates.totalWeight
        // Rounding can leave the target a hair above the last sum.
        return candidates.position(passing: target) ?? candidates.best
    }
}

/// The model computed something that is not a number.
public struct SamplingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The token's id.
    public let token: Int
    /// What the model gave it.
    public let logit: Float

    public var description: String {
        "the logit of token \(token) is \(logit), required a finite number: the weights are damaged or overflow"
    }
}
