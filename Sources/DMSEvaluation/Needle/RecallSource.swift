import DMSRecall

/// A password as something to find: the task that the model which comes with this package was made for.
public struct RecallSource: NeedleSource {
    public let name = "recall"
    /// The same seed gives the same texts.
    public let seed: UInt64

    /// The texts of a seed.
    public init(seed: UInt64) { self.seed = seed }

    public func sample(
        length: Int, depth: Double, number: Int, encode: (String) throws -> [Int32]
    ) throws -> NeedleSample {
        guard length >= RecallTask.minimumLength else {
            throw EvaluationError("\(name) of \(length) tokens: required at least \(RecallTask.minimumLength)")
        }
        let item = RecallTask(seed: seed).item(length: length, depth: depth, number: number)
        let sample = try NeedleSample(prompt: item.prompt, answer: item.answer, encode: encode)
        guard sample.tokens.count <= length else {
            throw EvaluationError(
                "\(name) of \(length) tokens: found a tokenizer that makes \(sample.tokens.count) of them, required one "
                    + "with a token for every word of the task, as 'dms corpus recall' writes it")
        }
        return sample
    }
}
