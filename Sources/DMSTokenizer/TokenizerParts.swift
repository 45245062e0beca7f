/// What a `tokenizer.json` says, checked and in the form that encoding uses.
struct TokenizerParts {
    /// Tokens of the vocabulary that are spelled in the byte alphabet: all that merging can give.
    var tokens = TokenTable(expectedCount: 0)
    var merges = MergeTable(expectedCount: 0)
    /// The token of each byte.
    var byteTokens: [Int32] = []
    var preTokenizer = PreTokenizer.words(digits: 3)
    var ignoresMerges = false
    /// What becomes of the text between verbatim added tokens.
    var normalization = TextNormalization.none
    /// Added tokens that are looked for in the text as it is.
    var verbatimAdded = AddedTokens()
    /// Added tokens that are looked for in the normalized text, between the verbatim ones.
    var normalizedAdded = AddedTokens()
    var specialIDs: Set<Int32> = []
    /// Bytes of the tokens that are not in `tokens`, by id.
    var otherBytes: [Int32: [UInt8]] = [:]
    /// Ids of added tokens and of those that are not in `tokens`, by the UTF-8 of their text.
    ///
    /// Not by `String`, for which different spellings of one character are equal.
    var idsByText: [[UInt8]: Int32] = [:]
    var prefixIDs: [Int32] = []
    var suffixIDs: [Int32] = []

    /// One more than the largest id.
    var upperBound: Int { max(tokens.upperBound, otherBytes.keys.max().map { Int($0) + 1 } ?? 0) }

    func isUsed(_ id: Int32) -> Bool { otherBytes[id] != nil || tokens.contains(id: Int(id)) }

    /// The id of a token by its text in the file's spelling.
    func id(of text: [UInt8]) -> Int32? {
        if let id = idsByText[text] { return id }
        var bytes: [UInt8] = []
        guard text.withUnsafeBufferPointer({ ByteAlphabet.decode($0, into: &bytes) }) else { return nil }
        return bytes.withUnsafeBufferPointer { tokens.id(of: $0) }
    }
}
