/// The needle task that a model's vocabulary is made for.
public enum SuitedSource {
    /// Recall, where the tokenizer has a token for every word of that task, else a number hidden in plain sentences.
    ///
    /// - Parameters:
    ///   - length: The shortest text that is going to be asked for, in tokens.
    ///   - encode: The tokenizer, with whatever token it puts at the start of a text.
    public static func make(seed: UInt64, length: Int, encode: (String) throws -> [Int32]) -> any NeedleSource {
        let recall = RecallSource(seed: seed)
        let sample = try? recall.sample(length: length, depth: 0.5, number: 0, encode: encode)
        return sample == nil ? NeedleGenerator(task: .needle, seed: seed) : recall
    }
}
