import DMSPolicy

/// Makes retrieval tasks from nothing but a seed, with text written for this purpose.
///
/// A sample depends on the task, the seed, the length, the depth and its number, and on no other sample.
public struct NeedleGenerator: NeedleSource {
    /// What is asked for.
    public let task: NeedleTask
    /// The same seed gives the same texts.
    public let seed: UInt64

    public var name: String { task.rawValue }

    /// The texts of a task and a seed.
    public init(task: NeedleTask, seed: UInt64) {
        self.task = task
        self.seed = seed
    }

    /// Makes one sample.
    ///
    /// - Parameters:
    ///   - length: Tokens of text, question and answer together; the sample has at most that many, and falls short by
    ///     less than one filler sentence.
    ///   - depth: Where the fact asked for stands, 0 (start) … 1 (end). The variable's chain starts there.
    ///   - number: Which of several samples of the same length and depth.
    ///   - encode: The tokenizer, with whatever token it puts at the start of a text.
    /// - Throws: ``EvaluationError`` when the length has no room for the task, and what `encode` throws.
    public func sample(
        length: Int, depth: Double, number: Int, encode: (String) throws -> [Int32]
    ) throws -> NeedleSample {
        precondition((0...1).contains(depth), "a depth of \(depth)")
        let taskNumber = NeedleTask.allCases.firstIndex(of: task) ?? 0
        var random = SplitMix64(
            seed, UInt64(taskNumber), UInt64(length), UInt64((depth * 10_000).rounded()), UInt64(number))
        let facts = Facts(task, &random)
        let frame = try encode(facts.introduction + facts.sentences.joined() + facts.question + facts.answer).count
        guard frame <= length else {
            throw EvaluationError("\(task.rawValue) of \(length) tokens: required at least \(frame)")
        }
        // Every sentence starts with a space and ends with a full stop, where byte-level tokenizers cut anyway, so
        // that counts add up; where they do not, sentences are taken away again below.
        var filler: [String] = []
        var room = length - frame
        let start = try encode("").count
        while true {
            let sentence = FillerText.sentence(&random)
            let count = try encode(sentence).count - start
            if count > room { break }
            room -= count
            filler.append(sentence)
        }
        let places = facts.places(depth: depth, &random)
        while true {
            let prompt = facts.introduction + facts.mixed(into: filler, at: places) + facts.question
            let sample = try NeedleSample(prompt: prompt, answer: facts.answer, encode: encode)
            if sample.tokens.count <= length { return sample }
            guard filler.popLast() != nil else {
                throw EvaluationError("\(task.rawValue) of \(length) tokens: required more room for the task itself")
            }
        }
    }
}

/// The sentences that matter.
private struct Facts {
    let task: NeedleTask
    let introduction: String
    /// In the order of the text for a chain; else the one asked for comes first.
    let sentences: [String]
    let question: String
    let answer: String

    init(_ task: NeedleTask, _ random: inout SplitMix64) {
        let places = random.sample(task.factCount, of: FillerText.places)
        let numbers = places.map { _ in String(10_000 + random.below(90_000)) }
        self.task = task
        answer = " \(numbers[0])."
        switch task {
        case .needle, .multiKey:
            introduction = "Somewhere in this text there is a secret number. Remember it."
            sentences = zip(places, numbers).map { " The secret number of the \($0) is \($1)." }
            question = " The secret number of the \(places[0]) is"
        case .variableTracking:
            introduction = "In this text a secret number is handed on. Remember it."
            let links = zip(places, places.dropFirst()).map {
                " The secret number of the \($1) is the same as the secret number of the \($0)."
            }
            sentences = [" The secret number of the \(places[0]) is \(numbers[0])."] + links
            question = " The secret number of the \(places[places.count - 1]) is"
        }
    }

    /// Where each sentence stands, as a share of the filler.
    func places(depth: Double, _ random: inout SplitMix64) -> [Double] {
        switch task {
        case .needle, .multiKey:
            return [depth] + sentences.dropFirst().map { _ in Double(random.below(10_001)) / 10_000 }
        case .variableTracking:
            return sentences.indices.map { depth + (1 - depth) * Double($0) / Double(sentences.count) }
        }
    }

    /// The filler with the sentences in their places; those at the same place keep their order.
    func mixed(into filler: [String], at places: [Double]) -> String {
        let slots = places.map { Int(($0 * Double(filler.count)).rounded()) }
        var text = ""
        for slot in 0...filler.count {
            for (index, sentence) in sentences.enumerated() where slots[index] == slot { text += sentence }
            if slot < filler.count { text += filler[slot] }
        }
        return text
    }
}
