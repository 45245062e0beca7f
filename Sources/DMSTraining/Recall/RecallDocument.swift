import DMSPolicy

/// Texts of sentences: facts, mentions of them, and what stands between.
enum RecallDocument {
    /// Tokens around a text: begin-of-text and end-of-text.
    private static let frameLength = 2
    /// Of a hundred tokens, so many state facts.
    private static let factPercent = 6
    /// Of a hundred tokens of a training text, so many state facts or mention them again.
    private static let statementPercent = 35

    /// A text for training.
    ///
    /// Its facts come early and late, and each mention repeats any of those stated so far, near or far.
    ///
    /// - Parameter length: Tokens, those around the text included.
    static func training(length: Int, _ random: inout SplitMix64) -> String {
        let body = length - frameLength
        let factCount = factCount(body: body)
        var statements = max(factCount + 1, body * statementPercent / 100 / RecallSentence.factLength)
        while !isFillable(body - statements * RecallSentence.factLength) { statements -= 1 }
        let facts = facts(factCount, &random)
        // Numbers of the statements that state a fact; the first cannot mention one.
        let stating = Set([0] + random.sample(factCount - 1, of: Array(1..<statements)))
        var stated = 0
        var sentences: [Fact] = []
        for statement in 0..<statements {
            if stating.contains(statement) { stated += 1 }
            sentences.append(stating.contains(statement) ? facts[stated - 1] : facts[random.below(stated)])
        }
        let filler = RecallSentence.filler(total: body - statements * RecallSentence.factLength, &random)
        let places = random.sample(statements, of: Array(0..<statements + filler.count)).sorted()
        return text(filler, sentences.map(\.sentence), at: places)
    }

    /// A text with a question at its end; see ``RecallTask/item(length:depth:number:)``.
    static func item(length: Int, depth: Double, _ random: inout SplitMix64) -> RecallTask.Item {
        // The question with its answer, but without a full stop, after one begin-of-text token.
        let body = length - 1 - (RecallSentence.factLength - 1)
        var factCount = factCount(body: body)
        while !isFillable(body - factCount * RecallSentence.factLength) { factCount -= 1 }
        let facts = facts(factCount, &random)
        let filler = RecallSentence.filler(total: body - factCount * RecallSentence.factLength, &random)
        let total = filler.count + factCount
        let asked = Int((depth * Double(total - 1)).rounded())
        let others = random.sample(factCount - 1, of: (0..<total).filter { $0 != asked }).sorted()
        var sentences = facts.dropFirst().map(\.sentence)
        sentences.insert(facts[0].sentence, at: others.count { $0 < asked })
        let text = text(filler, sentences, at: (others + [asked]).sorted())
        return RecallTask.Item(
            prompt: text + " " + RecallSentence.question(facts[0].name), answer: " " + facts[0].password)
    }

    private struct Fact {
        let name: String
        let password: String
        var sentence: String { RecallSentence.fact(name, password) }
    }

    /// People with a password each; two may have the same.
    private static func facts(_ count: Int, _ random: inout SplitMix64) -> [Fact] {
        random.sample(count, of: RecallWords.names).map { Fact(name: $0, password: random.pick(RecallWords.passwords)) }
    }

    /// At least two, so that a name must be told from another; never more than there are names.
    private static func factCount(body: Int) -> Int {
        min(max(2, body * factPercent / 100 / RecallSentence.factLength), RecallWords.names.count)
    }

    private static func isFillable(_ rest: Int) -> Bool {
        rest == 0 || rest >= RecallSentence.fillerLengths.lowerBound
    }

    /// Sentences in one text.
    ///
    /// - Parameter places: The places of `statements` among all sentences, ascending.
    private static func text(_ filler: [String], _ statements: [String], at places: [Int]) -> String {
        var sentences = filler
        for (place, statement) in zip(places, statements) { sentences.insert(statement, at: place) }
        return sentences.joined(separator: " ")
    }
}
