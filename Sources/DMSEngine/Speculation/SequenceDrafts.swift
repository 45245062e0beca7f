/// The guesses of one sequence: what is looked up, and how much of it is worth running.
///
/// After a guess of which `n` tokens were right the next has `2n + 1` at most: a text that does not repeat itself costs a
/// row a pass, and one that does soon has as many as are allowed. Nothing but cost depends on it.
struct SequenceDrafts: Sendable {
    private let maximumDraft: Int
    private var lookup: PromptLookup
    /// The most tokens of the next guess.
    private(set) var limit: Int
    /// The last guess.
    private(set) var draft: [Int32] = []

    init(_ parameters: SpeculationParameters) {
        maximumDraft = parameters.maximumDraft
        limit = parameters.maximumDraft
        lookup = PromptLookup(shortest: parameters.shortestMatch, longest: parameters.longestMatch)
    }

    /// Guesses what follows.
    ///
    /// - Parameters:
    ///   - tokens: All of the sequence; those of earlier calls are their beginning.
    ///   - room: The most tokens that can be run.
    mutating func propose(after tokens: [Int32], room: Int) {
        lookup.extend(to: tokens)
        draft = lookup.guess(after: tokens, limit: min(limit, room))
    }

    /// Notes how much of the last guess was right.
    mutating func note(accepted: Int) { limit = min(maximumDraft, 2 * accepted + 1) }
}
