import DMSEvaluation
import DMSModel
import DMSTestSupport
import Foundation
import Testing

@Suite struct NeedleTests {
    /// One token per byte behind a token that starts the text.
    static func encode(_ text: String) -> [Int32] { [0] + text.utf8.map { Int32($0) } }

    static func sample(
        _ task: NeedleTask, seed: UInt64 = 3, length: Int = 1500, depth: Double = 0.5, number: Int = 0
    ) throws -> NeedleSample {
        try NeedleGenerator(task: task, seed: seed).sample(
            length: length, depth: depth, number: number, encode: encode)
    }

    @Test(arguments: NeedleTask.allCases)
    func theSeedDecidesEverything(_ task: NeedleTask) throws {
        let first = try Self.sample(task)
        #expect(try Self.sample(task) == first)
        #expect(try Self.sample(task, seed: 4) != first)
        #expect(try Self.sample(task, number: 1) != first)
        #expect(try Self.sample(task, depth: 0.25) != first)
    }

    /// A text committed here, so that another version of the generator is noticed: published figures name a seed.
    @Test func theTextOfASeedStaysTheSame() throws {
        let sample = try Self.sample(.needle, seed: 1, length: 260, depth: 0)
        #expect(sample.prompt + sample.answer == Self.committed)
    }

    static let committed = """
        Somewhere in this text there is a secret number. Remember it. The secret number of the quarry is 79328. A quiet \
        neighbour fed the horses without saying a word. The secret number of the quarry is 79328.
        """

    @Test(arguments: NeedleTask.allCases, [700, 1500, 4000])
    func lengthsAreKept(_ task: NeedleTask, _ length: Int) throws {
        for depth in [0, 0.3, 1] {
            let sample = try Self.sample(task, length: length, depth: depth)
            #expect(sample.tokens.count <= length)
            #expect(sample.tokens.count > length - 110, "a filler sentence has fewer bytes")
            #expect(sample.tokens == Self.encode(sample.prompt + sample.answer))
            #expect(sample.tokens[sample.answerStart...].map { UInt8($0) } == Array(sample.answer.utf8))
        }
    }

    /// Where a text stands in another, as a share.
    func share(of part: String, in text: String) -> Double? {
        let part = Array(part.utf8)
        let text = Array(text.utf8)
        let starts = (0...text.count - part.count).filter { Array(text[$0..<$0 + part.count]) == part }
        return starts.count == 1 ? Double(starts[0]) / Double(text.count) : nil
    }

    @Test func theNeedleStandsWhereItShould() throws {
        for depth in [0, 0.2, 0.5, 0.8, 1] {
            let sample = try Self.sample(.needle, length: 8000, depth: depth)
            let fact = " is\(sample.answer)"
            let found = share(of: fact, in: sample.prompt)
            let place = try #require(found, "the fact is in the text once")
            #expect(abs(place - depth) < 0.03)
        }
    }

    @Test func theRightKeyIsAskedForAmongFour() throws {
        let sample = try Self.sample(.multiKey)
        let sentences = sample.prompt.components(separatedBy: ". ").filter { $0.hasPrefix("The secret number") }
        #expect(sentences.count == 5, "four facts and the question")
        let question = try #require(sentences.last)
        let answers = sentences.dropLast().filter { $0.hasPrefix(question) }
        #expect(answers.count == 1)
        #expect(answers[0] + "." == question + sample.answer)
        #expect(Set(sentences.dropLast().map { String($0.suffix(5)) }).count == 4, "four different numbers")
    }

    @Test func theChainLeadsToTheAnswer() throws {
        for number in 0..<5 {
            let sample = try Self.sample(.variableTracking, depth: 0.2, number: number)
            let sentences = sample.prompt.components(separatedBy: ". ").filter { $0.hasPrefix("The secret number") }
            #expect(sentences.count == 5)
            var values: [String: String] = [:]
            for sentence in sentences.dropLast() {
                let words = sentence.split(separator: " ").map(String.init)
                // "The secret number of the X is N" or "… X is the same as the secret number of the Y".
                values[words[5]] = words.count == 8 ? words[7] : values[words[words.count - 1]]
            }
            let asked = try #require(sentences.last).split(separator: " ").map(String.init)[5]
            #expect(" \(values[asked] ?? "none")." == sample.answer)
        }
    }

    @Test func lengthsWithoutRoomAreRefused() {
        #expect(throws: EvaluationError.self) { try Self.sample(.multiKey, length: 200) }
    }

    @Test func scoresAreThoseOfWholeForwardPasses() throws {
        let model = try tinyGatedModel(window: 20, vocabulary: 256)
        let runner = try ModelRunner(model, passLength: 100)
        let generator = NeedleGenerator(task: .needle, seed: 8)
        let evaluation = try NeedleEvaluation(source: generator, lengths: [250], depths: [0, 1], samples: 2)
        var done: [Int] = []
        let results = try evaluation.run(
            [
                Subject(name: "on", runner: runner, path: CompactPath(model)),
                Subject(name: "off", runner: runner, path: CompactPath(model), eviction: .off),
            ], encode: Self.encode
        ) { done.append($0) }
        #expect(done == [1, 2, 3, 4])
        for (index, control) in [EvictionControl.model, .off].enumerated() {
            for (cell, depth) in [0.0, 1.0].enumerated() {
                var total = 0.0
                var count = 0
                for number in 0..<2 {
                    let sample = try generator.sample(
                        length: 250, depth: depth, number: number, encode: Self.encode)
                    let logits = try strictLogits(model, sample.tokens, eviction: control)
                    for position in sample.answerStart..<sample.tokens.count {
                        total += Oracle.logProbabilities(logits[position - 1])[Int(sample.tokens[position])]
                        count += 1
                    }
                }
                let found = results[index].cells[cell]
                #expect(found.depth == depth && found.length == 250 && found.samples == 2)
                #expect(isNear(found.meanLogProbability, total / Double(count), 1e-4))
                #expect(found.accuracy == 0, "random weights know nothing")
            }
        }
        #expect(results[0].meanLogProbability != results[1].meanLogProbability)
    }

    @Test func aModelThatAnswersIsFound() throws {
        // The text of one constant byte: a tokenizer that maps all to one id makes any model certain enough, as its
        // best token is the same for every position only when that id wins; so the id is taken from the model.
        let model = try TinyModel.make(TinyModel.configuration(vocabulary: 5), seed: 3)
        let winner = try #require(
            (0..<5).first { id in
                let logits = try? strictLogits(model, Array(repeating: Int32(id), count: 20))
                return logits?.suffix(8).allSatisfy { Oracle.best($0) == id } == true
            })
        let runner = try ModelRunner(model, passLength: 64)
        let evaluation = try NeedleEvaluation(
            source: NeedleGenerator(task: .needle, seed: 1), lengths: [400], depths: [0.5], samples: 3)
        let results = try evaluation.run([Subject(name: "m", runner: runner, path: StrictPath(model))]) {
            Array(repeating: Int32(winner), count: $0.utf8.count + 1)
        }
        #expect(results[0].cells[0].found == 3)
        #expect(results[0].accuracy == 1)
    }
}
