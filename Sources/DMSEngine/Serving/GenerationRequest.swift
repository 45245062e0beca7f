/// One continuation asked of an engine, validated as far as that needs no model.
public struct GenerationRequest: Sendable, Hashable {
    /// The prompt's tokens.
    public let prompt: [Int32]
    public let sampling: SamplingParameters
    /// At most so many tokens.
    public let maximumTokens: Int
    /// Tokens that end the continuation; they are part of its ids and not of its text.
    public let endTokens: Set<Int32>
    /// Texts that end the continuation where they begin.
    public let stopStrings: [String]
    /// How many of the likeliest tokens to report for every token, beside the chosen one; `nil` reports nothing.
    public let logProbabilities: Int?
    /// The time from submission after which the request ends unfinished.
    public let timeLimit: Duration?

    /// - Throws: ``ParameterError`` for a value out of range, ``PromptError`` for an empty prompt.
    public init(
        prompt: [Int32], sampling: SamplingParameters = .greedy, maximumTokens: Int, endTokens: Set<Int32> = [],
        stopStrings: [String] = [], logProbabilities: Int? = nil, timeLimit: Duration? = nil
    ) throws {
        if prompt.isEmpty { throw PromptError.empty }
        guard (1...Int(Int32.max)).contains(maximumTokens) else {
            throw ParameterError(field: "maximumTokens", found: "\(maximumTokens)", required: "1 or more")
        }
        if let logProbabilities, !(0...LogProbabilities.largestCount).contains(logProbabilities) {
            throw ParameterError(
                field: "logProbabilities", found: "\(logProbabilities)",
                required: "0 to \(LogProbabilities.largestCount)")
        }
        if let timeLimit, timeLimit <= .zero {
            throw ParameterError(field: "timeLimit", found: "\(timeLimit)", required: "a positive time")
        }
        _ = try StopStringFilter(stopStrings)
        self.prompt = prompt
        self.sampling = sampling
        self.maximumTokens = maximumTokens
        self.endTokens = endTokens
        self.stopStrings = stopStrings
        self.logProbabilities = logProbabilities
        self.timeLimit = timeLimit
    }
}
