/// How tokens are guessed ahead, validated.
///
/// The next tokens of a sequence are looked up in its own prompt and continuation (`PromptLookup`), run in one pass with
/// the token that is due, and kept as far as they are what is chosen anyway. Tokens and log-probabilities are the same as
/// without, greedy and sampled; what changes is how many passes they take, and how many rows these have. That helps where
/// a text repeats itself or its prompt (code that is edited, answers that quote), and where a pass is bound by reading
/// weights: for few sequences at a time.
public struct SpeculationParameters: Sendable, Hashable {
    /// The most tokens that are guessed at a time for one sequence.
    public let maximumDraft: Int
    /// How many tokens have to be the same before a guess is made.
    public let shortestMatch: Int
    /// How many tokens are compared; of places that agree in more, the latest counts.
    public let longestMatch: Int
    /// Nothing is guessed while more sequences than this are computed: their rows cost more than they save.
    public let maximumStreams: Int

    /// The largest ``maximumDraft``.
    public static let largestDraft = 64

    /// - Throws: ``ParameterError`` for a value out of range.
    public init(
        maximumDraft: Int, shortestMatch: Int = 2, longestMatch: Int = 16, maximumStreams: Int = 2
    ) throws(ParameterError) {
        for (field, value, range) in [
            ("maximumDraft", maximumDraft, 1...Self.largestDraft), ("shortestMatch", shortestMatch, 1...16),
            ("longestMatch", longestMatch, shortestMatch...max(shortestMatch, 256)),
            ("maximumStreams", maximumStreams, 1...1024),
        ] where !range.contains(value) {
            throw ParameterError(
                field: field, found: "\(value)", required: "\(range.lowerBound) to \(range.upperBound)")
        }
        self.maximumDraft = maximumDraft
        self.shortestMatch = shortestMatch
        self.longestMatch = longestMatch
        self.maximumStreams = maximumStreams
    }

    /// The most guesses of a pass.
    public var draftRows: Int { maximumDraft * maximumStreams }
}

/// What guessing was good for.
public struct SpeculationCounts: Sendable, Hashable {
    /// Passes that had guesses of a sequence.
    public internal(set) var drafts = 0
    /// Tokens guessed.
    public internal(set) var proposedTokens = 0
    /// Those among them that were right: so many passes of one token were saved.
    public internal(set) var acceptedTokens = 0

    /// Nothing guessed.
    public init() {}

    mutating func note(proposed: Int, accepted: Int) {
        drafts += 1
        proposedTokens += proposed
        acceptedTokens += accepted
    }
}
