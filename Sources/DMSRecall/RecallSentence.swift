import DMSPolicy

/// Sentences of a known number of tokens: the tokenizer has every word and the full stop as one token.
enum RecallSentence {
    /// The lengths that ``filler(_:_:)`` makes.
    static let fillerLengths = 4...10
    /// Tokens of a fact.
    static let factLength = 5

    /// A fact, or the same fact mentioned again.
    static func fact(_ password: String) -> String { "\(question) \(password)." }

    /// A fact up to the password.
    static let question = "The password is"

    /// Sentences without facts that have exactly `count` tokens together.
    ///
    /// - Parameter count: 0, or at least the shortest length.
    static func filler(total count: Int, _ random: inout SplitMix64) -> [String] {
        precondition(count == 0 || count >= fillerLengths.lowerBound, "\(count) tokens of filler")
        var sentences: [String] = []
        var rest = count
        while rest > 0 {
            // What is left must be nothing or long enough for one more sentence.
            let lengths = fillerLengths.filter { rest == $0 || rest - $0 >= fillerLengths.lowerBound }
            let length = random.pick(lengths)
            sentences.append(filler(length, &random))
            rest -= length
        }
        return sentences
    }

    /// A sentence of exactly `length` tokens.
    ///
    /// Some are about things that are passwords elsewhere, so that a password's word alone tells nothing.
    private static func filler(_ length: Int, _ random: inout SplitMix64) -> String {
        let (subject, left) = subject(length: length, &random)
        // A verb and a full stop, then a place with its preposition and article where there is room for one.
        let hasPlace = left >= 5
        var extras = left - (hasPlace ? 5 : 2)
        let hasAdverb = extras == 2 || extras == 1 && (!hasPlace || random.below(2) == 0)
        if hasAdverb { extras -= 1 }
        var words = [subject, random.pick(RecallWords.verbs)]
        if hasAdverb { words.append(random.pick(RecallWords.adverbs)) }
        if hasPlace {
            words += [random.pick(RecallWords.prepositions), "the"]
            if extras > 0 { words.append(random.pick(RecallWords.adjectives)) }
            words.append(random.pick(RecallWords.places))
        }
        return words.joined(separator: " ") + "."
    }

    /// A subject, and the tokens that are left for the rest of the sentence: 2, 3, or 5 to 7.
    private static func subject(length: Int, _ random: inout SplitMix64) -> (text: String, left: Int) {
        let possible = (1...3).filter { [2, 3, 5, 6, 7].contains(length - $0) }
        let count = random.pick(possible)
        let left = length - count
        if count == 1 { return (random.pick(RecallWords.names), left) }
        let noun = random.below(8) == 0 ? random.pick(RecallWords.passwords) : random.pick(RecallWords.subjects)
        return (count == 2 ? "The \(noun)" : "The \(random.pick(RecallWords.adjectives)) \(noun)", left)
    }
}
