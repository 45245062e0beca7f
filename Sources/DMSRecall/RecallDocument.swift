import DMSPolicy

/// Texts of sentences: a password, mentions of it, and what stands between.
enum RecallDocument {
    /// Tokens around a text: begin-of-text and end-of-text.
    private static let frameLength = 2
    /// How often a training text says the password, if it has room: what was said nearby is learnt from many mentions in
    /// short texts, what was said far away from few in long ones.
    private static let statementCounts = (short: [2, 3, 5, 9, 17, 33], long: [2, 2, 3, 5])
    /// Tokens of the longest text that is short.
    private static let shortLength = 256

    /// A text for training, which says one password several times.
    ///
    /// - Parameter length: Tokens, those around the text included.
    static func training(length: Int, _ random: inout SplitMix64) -> String {
        let body = length - frameLength
        let counts = length <= shortLength ? statementCounts.short : statementCounts.long
        let count = random.pick(counts.filter { isFillable(body - $0 * RecallSentence.factLength) })
        let filler = RecallSentence.filler(total: body - count * RecallSentence.factLength, &random)
        let places = random.sample(count, of: Array(0..<count + filler.count)).sorted()
        return text(filler, RecallSentence.fact(random.pick(RecallWords.passwords)), at: places)
    }

    /// A text with a question at its end; see ``RecallTask/item(length:depth:number:)``.
    static func item(length: Int, depth: Double, _ random: inout SplitMix64) -> RecallTask.Item {
        // The question with its answer, but without a full stop, after one begin-of-text token.
        let body = length - 1 - (RecallSentence.factLength - 1)
        let filler = RecallSentence.filler(total: body - RecallSentence.factLength, &random)
        let password = random.pick(RecallWords.passwords)
        let place = Int((depth * Double(filler.count)).rounded())
        let text = text(filler, RecallSentence.fact(password), at: [place])
        return RecallTask.Item(prompt: text + " " + RecallSentence.question, answer: " " + password)
    }

    private static func isFillable(_ rest: Int) -> Bool {
        rest == 0 || rest >= RecallSentence.fillerLengths.lowerBound
    }

    /// Sentences in one text.
    ///
    /// - Parameter places: Where the statement stands among all sentences, ascending.
    private static func text(_ filler: [String], _ statement: String, at places: [Int]) -> String {
        var sentences = filler
        for place in places { sentences.insert(statement, at: place) }
        return sentences.joined(separator: " ")
    }
}
