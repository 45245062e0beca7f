/// Makes texts in which something has to be found.
///
/// A sample depends on the source, the length, the depth and its number, and on no other sample.
public protocol NeedleSource: Sendable {
    /// What reports call the task.
    var name: String { get }
    /// What all samples follow from.
    var seed: UInt64 { get }

    /// Makes one sample.
    ///
    /// - Parameters:
    ///   - length: The most tokens that text, question and answer may have together.
    ///   - depth: Where the fact asked for stands, 0 (start) … 1 (end).
    ///   - number: Which of several samples of the same length and depth.
    ///   - encode: The tokenizer, with whatever token it puts at the start of a text.
    /// - Throws: ``EvaluationError`` when the length has no room for the task, and what `encode` throws.
    func sample(
        length: Int, depth: Double, number: Int, encode: (String) throws -> [Int32]
    ) throws -> NeedleSample
}

/// One text with its question and its answer, in tokens.
public struct NeedleSample: Sendable, Hashable {
    /// The text, the question, and the answer.
    public let tokens: [Int32]
    /// Where the answer starts; everything from there on is the answer.
    public let answerStart: Int
    /// What the tokens were made from.
    public let prompt: String
    /// What greedy decoding has to write.
    public let answer: String

    /// Finds where the answer starts in the tokens of prompt and answer together.
    ///
    /// - Throws: ``EvaluationError`` when the tokenizer gives the answer no token of its own, and what `encode` throws.
    init(prompt: String, answer: String, encode: (String) throws -> [Int32]) throws {
        let alone = try encode(prompt)
        tokens = try encode(prompt + answer)
        answerStart = zip(alone, tokens).prefix { $0 == $1 }.count
        self.prompt = prompt
        self.answer = answer
        guard answerStart > 0, answerStart < tokens.count else {
            throw EvaluationError("the tokenizer gives no token to the answer \"\(answer)\"")
        }
    }

    /// Where the text says the answer before it is asked for: behind the same token as in the end.
    public var answerPlaces: [Range<Int>] {
        let said = tokens[(answerStart - 1)...]
        return (1..<answerStart).map { $0..<$0 + said.count - 1 }.filter {
            $0.upperBound <= answerStart && tokens[$0.lowerBound - 1..<$0.upperBound].elementsEqual(said)
        }
    }
}
