/// A byte-level BPE tokenizer, as a Hugging Face `tokenizer.json` describes it.
///
/// Text is cut at added tokens, normalised, cut by the split pattern, and each piece is merged by rank. Ids and decoded text are
/// exactly those of the reference library (`tokenizers`). Immutable and safe to share.
public final class Tokenizer: Sendable {
    private let parts: TokenizerParts
    private let merger: BytePairMerger
    /// One more than the largest id.
    ///
    /// Ids below it may still be unused.
    public let vocabularySize: Int

    init(_ parts: TokenizerParts) {
        self.parts = parts
        merger = BytePairMerger(merges: parts.merges, byteTokens: parts.byteTokens)
        vocabularySize = parts.upperBound
    }

    /// Ids that are put before every text, the begin-of-text token usually.
    public var prefixIDs: [Int32] { parts.prefixIDs }
    /// Ids that are put after every text.
    public var suffixIDs: [Int32] { parts.suffixIDs }
    /// Ids of the special tokens, those that ``decode(_:skipSpecialTokens:)`` can leave out.
    public var specialTokenIDs: Set<Int32> { parts.specialIDs }

    /// The id of a token by its text in the file's spelling: `<|eot_id|>`, or `Ġthe` for " the"; `nil` when there is no
    /// such token.
    public func id(of token: String) -> Int32? { parts.id(of: Array(token.utf8)) }

    /// Whether an id is a special token.
    public func isSpecial(_ id: Int32) -> Bool { parts.specialIDs.contains(id) }

    /// The bytes that a token decodes to, not always whole characters; `nil` for an id that no token has.
    public func bytes(of id: Int32) -> [UInt8]? {
        if let bytes = parts.tokens[Int(id)] { return Array(bytes) }
        return parts.otherBytes[id]
    }

    /// Encodes text.
    ///
    /// Near-linear in practice; O(n log n) for n bytes without a word boundary.
    ///
    /// - Parameters:
    ///   - text: Less than 2 GiB.
    ///   - addSpecialTokens: Whether ``prefixIDs`` and ``suffixIDs`` are put around the text.
    ///   - parseSpecialTokens: Whether special tokens written in the text become their ids, as in the reference library
    ///     by default. Turn it off for text from people one does not trust: their `<|eot_id|>` is then just text.
    public func encode(
        _ text: String, addSpecialTokens: Bool = true, parseSpecialTokens: Bool = true
    ) -> [Int32] {
        var ids = addSpecialTokens ? prefixIDs : []
        var text = text
        text.withUTF8 { encode($0, parsesSpecial: parseSpecialTokens, &ids) }
        if addSpecialTokens { ids += suffixIDs }
        return ids
    }

    private func encode(_ text: UnsafeBufferPointer<UInt8>, parsesSpecial: Bool, _ ids: inout [Int32]) {
        parts.verbatimAdded.split(text, parsesSpecial: parsesSpecial) { text in
            parts.normalization.withNormalized(text) { text in
                parts.normalizedAdded.split(text, parsesSpecial: parsesSpecial) { text in
                    parts.preTokenizer.split(text) { range in
                        encodePiece(UnsafeBufferPointer(rebasing: text[range]), &ids)
                    }
                } onToken: {
                    ids.append($0)
                }
            }
        } onToken: {
            ids.append($0)
        }
    }

    private func encodePiece(_ piece: UnsafeBufferPointer<UInt8>, _ ids: inout [Int32]) {
        if parts.ignoresMerges, let id = parts.tokens.id(of: piece) {
            ids.append(id)
        } else {
            merger.encode(piece, into: &ids)
        }
    }

    /// Decodes ids; bytes that are not UTF-8 become U+FFFD, one for each maximal part of a character.
    ///
    /// - Throws: ``TokenizerError`` for an id that no token has.
    public func decode(_ ids: some Sequence<Int32>, skipSpecialTokens: Bool = false) throws(TokenizerError) -> String {
        var text: [UInt8] = []
        for id in ids {
            guard parts.isUsed(id) else {
                throw TokenizerError(
                    found: "token id \(id)", required: "the id of a token, all of which are below \(vocabularySize)")
            }
            if !(skipSpecialTokens && isSpecial(id)) { appendBytes(of: id, to: &text) }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends what ``bytes(of:)`` gives; nothing for an id that no token has.
    func appendBytes(of id: Int32, to text: inout [UInt8]) {
        if let bytes = parts.tokens[Int(id)] { text += bytes } else { text += parts.otherBytes[id] ?? [] }
    }
}
