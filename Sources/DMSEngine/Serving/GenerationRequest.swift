public import DMSGrammar

/// One continuation asked of an engine, validated as far as that needs no model.
public struct GenerationRequest: Sendable, Hashable {
    /// The prompt's tokens; of a conversation that is continued, those that are new.
    public let prompt: [Int32]
    /// How the next token is chosen.
    public let sampling: SamplingParameters
    /// At most so many tokens.
    public let maximumTokens: Int
    /// Tokens that end the continuation; they are part of its ids and not of its text.
    public let endTokens: Set<Int32>
    /// Texts that end the continuation where they begin.
    public let stopStrings: [String]
    /// How many of the likeliest tokens to report for every token, beside the chosen one; `nil` reports nothing.
    public let logProbabilities: Int?
    /// What the continuation's text must be one of; it ends where the text is complete.
    ///
    /// End tokens cannot be chosen where the text may not end. A stop string, a limit or the deadline still cut it short.
    public let grammar: Grammar?
    /// How many of the likeliest tokens to report for every token of the prompt but the first; `nil` reports nothing.
    ///
    /// The whole prompt is computed then, with logits of all its rows, whatever is stored of it.
    public let promptLogProbabilities: Int?
    /// The time from submission after which the request ends unfinished.
    public let timeLimit: Duration?
    /// Prefixes are shared between requests of equal salt only.
    ///
    /// Give every tenant its own: whoever shares a prefix can tell from the time that it was there.
    public let cacheSalt: String?
    /// A saved conversation that the prompt follows.
    ///
    /// It goes on as if it had never been interrupted, with the last token that it ended with, which had not been run.
    public let continuing: SessionName?
    /// The conversation's tokens as whoever made the prompt read them, or `nil` for whatever is there.
    ///
    /// A prompt that was made to follow one conversation must not follow another that was saved under its name meanwhile.
    public let continuedTokens: [Int32]?
    /// Where the conversation is saved when the request has come to an end of its own.
    ///
    /// A request that is cancelled, that fails or runs out of time or memory leaves what was there. The file is written
    /// while the engine goes on, and the stream ends when it is there; until then its memory is not given back.
    public let saving: SessionName?
    /// What of the conversation is saved.
    public let saved: SavedPart
    /// Whether the stream tells what the cache holds, step by step: ``GenerationEvent/cache(_:)``.
    public let reportsCache: Bool

    /// What of a conversation a file gets.
    public enum SavedPart: Sendable, Hashable {
        /// All of it.
        case conversation
        /// The prompt, and what it continues: for a text that is read once and asked about often.
        case prompt
    }

    /// - Throws: ``ParameterError`` for a value out of range, or for a saved conversation whose tokens would have to be
    ///   reported; ``PromptError`` for a prompt that is empty and continues nothing.
    public init(
        prompt: [Int32], sampling: SamplingParameters = .greedy, maximumTokens: Int, endTokens: Set<Int32> = [],
        stopStrings: [String] = [], logProbabilities: Int? = nil, grammar: Grammar? = nil,
        promptLogProbabilities: Int? = nil, timeLimit: Duration? = nil, cacheSalt: String? = nil,
        continuing: SessionName? = nil, continuedTokens: [Int32]? = nil, saving: SessionName? = nil,
        saved: SavedPart = .conversation,
        reportsCache: Bool = false
    ) throws {
        if prompt.isEmpty, continuing == nil { throw PromptError.empty }
        guard (1...Int(Int32.max)).contains(maximumTokens) else {
            throw ParameterError(field: "maximumTokens", found: "\(maximumTokens)", required: "1 or more")
        }
        for (field, value) in [
            ("logProbabilities", logProbabilities), ("promptLogProbabilities", promptLogProbabilities),
        ] {
            guard let value, !(0...LogProbabilities.largestCount).contains(value) else { continue }
            throw ParameterError(
                field: field, found: "\(value)", required: "0 to \(LogProbabilities.largestCount)")
        }
        if let continuing, promptLogProbabilities != nil {
            throw ParameterError(
                field: "promptLogProbabilities", found: "a value beside the conversation \(continuing)",
                required: "none, for what a conversation holds is not computed again")
        }
        if let continuedTokens, continuing == nil {
            throw ParameterError(
                field: "continuedTokens", found: "\(continuedTokens.count) tokens",
                required: "none, where no conversation goes on")
        }
        if let timeLimit, timeLimit <= .zero {
            throw ParameterError(field: "timeLimit", found: "\(timeLimit)", required: "a positive time")
        }
        if saved == .prompt, maximumTokens != 1 {
            throw ParameterError(
                field: "maximumTokens", found: "\(maximumTokens)", required: "1, where the prompt alone is saved")
        }
        _ = try StopStringFilter(stopStrings)
        self.prompt = prompt
        self.sampling = sampling
        self.maximumTokens = maximumTokens
        self.endTokens = endTokens
        self.stopStrings = stopStrings
        self.logProbabilities = logProbabilities
        self.grammar = grammar
        self.promptLogProbabilities = promptLogProbabilities
        self.timeLimit = timeLimit
        self.cacheSalt = cacheSalt
        self.continuing = continuing
        self.continuedTokens = continuedTokens
        self.saving = saving
        self.saved = saved
        self.reportsCache = reportsCache
    }
}
