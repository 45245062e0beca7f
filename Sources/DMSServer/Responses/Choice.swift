import DMSEngine

/// Why an answer ended, in OpenAI's words.
enum ChoiceEnd: String, Sendable, Hashable {
    /// An end token or a stop string.
    case stop
    /// A limit: of the request, of the model's positions, or of memory.
    case length
}

/// What is new of one continuation.
struct ChoicePiece: Sendable, Hashable {
    let index: Int
    var text = ""
    /// `nil` where the request does not ask for them.
    var probabilities: [TokenProbability]?
    /// Set on the last piece.
    var end: ChoiceEnd?
    /// What the cache holds, in a piece of its own.
    var cache: CacheProgress?
}

/// One continuation from its beginning to its end.
struct Choice: Sendable, Hashable {
    let index: Int
    var text = ""
    var probabilities: [TokenProbability]?
    var end: ChoiceEnd?

    init(index: Int) { self.index = index }

    mutating func append(_ piece: ChoicePiece) {
        text += piece.text
        if let new = piece.probabilities { probabilities = (probabilities ?? []) + new }
        end = piece.end ?? end
    }
}
