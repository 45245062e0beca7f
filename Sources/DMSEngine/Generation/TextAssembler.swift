import DMSTokenizer

/// Turns tokens into text that may be shown: whole characters, and no part of a stop string.
struct TextAssembler: Sendable {
    private var detokenizer: StreamingDetokenizer
    private var stops: StopStringFilter

    /// - Throws: ``ParameterError`` for an empty stop string.
    init(_ tokenizer: Tokenizer, stopStrings: [String]) throws(ParameterError) {
        detokenizer = StreamingDetokenizer(tokenizer, skipSpecialTokens: true)
        stops = try StopStringFilter(stopStrings)
    }

    /// Whether a stop string has ended the text.
    var isStopped: Bool { stops.isStopped }

    /// Takes a token that is not an end token.
    ///
    /// - Returns: The text that is certain now.
    mutating func append(_ token: Int32) -> String { stops.append(detokenizer.append(token)) }

    /// Ends the text.
    ///
    /// - Returns: What was held back; its last bytes may have become a stop string.
    mutating func finish() -> String { stops.append(detokenizer.finish()) + stops.finish() }
}
