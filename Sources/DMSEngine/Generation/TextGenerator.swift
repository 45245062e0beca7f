public import DMSTokenizer

/// Continues a text, a piece of text per call.
///
/// Pieces are whole characters, and never part of a stop string. Put together they are the text that decoding all
/// tokens at once gives, cut before the first stop string. Special tokens, an end token among them, are in the ids and
/// not in the text.
public struct TextGenerator: ~Copyable {
    private var generator: TokenGenerator
    private var assembler: TextAssembler
    private var isFlushed = false

    /// - Parameter stopStrings: End the text where they begin.
    /// - Throws: ``ParameterError`` for an empty stop string, and what ``TokenGenerator`` throws.
    public init(
        _ generator: consuming TokenGenerator, tokenizer: Tokenizer, stopStrings: [String] = []
    ) throws(ParameterError) {
        assembler = try TextAssembler(tokenizer, stopStrings: stopStrings)
        self.generator = generator
    }

    /// The continuation's ids so far: the end token and the tokens of a stop string included.
    public var tokens: [Int32] { generator.tokens }
    /// Why there is no more text; `nil` while there may be.
    public var finishReason: FinishReason? { generator.finishReason }
    /// Where the time went.
    public var timings: GenerationTimings { generator.timings }
    /// What guessing was good for.
    public var speculationCounts: SpeculationCounts { generator.speculationCounts }
    /// Forward passes after the prompt's.
    public var decodePasses: Int { generator.decodePasses }
    /// The tokens that are continued.
    public var prompt: [Int32] { generator.prompt }

    /// The next piece, empty while characters or stop strings are undecided; `nil` at the end.
    ///
    /// - Throws: Whatever the model or the cache throws; the text cannot be continued then.
    public mutating func next() throws -> String? {
        guard let token = try generator.next() else { return flush() }
        // An end token need not be a special one, and is not text either way.
        if generator.parameters.endTokens.contains(token) { return "" }
        let piece = assembler.append(token)
        if assembler.isStopped { generator.finish(.stopString) }
        return piece
    }

    /// What was held back, once.
    private mutating func flush() -> String? {
        if isFlushed { return nil }
        isFlushed = true
        let wasStopped = assembler.isStopped
        let rest = assembler.finish()
        if assembler.isStopped, !wasStopped { generator.finish(.stopString) }
        return rest.isEmpty ? nil : rest
    }
}
