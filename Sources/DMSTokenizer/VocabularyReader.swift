import DMSJSON

/// Reads `model.vocab`, an object of tokens and their ids.
///
/// Ids may leave gaps; no two tokens share one.
struct VocabularyReader {
    let file: String

    private func fail(_ found: String, _ required: String) -> TokenizerError {
        TokenizerError(file: file, found: found, required: required)
    }

    /// - Parameter reader: Stands before the object.
    func read(_ reader: JSONReader, sizeHint: Int, into parts: inout TokenizerParts) throws {
        var reader = reader
        guard reader.peek() == UInt8(ascii: "{") else { throw fail("model.vocab that is no object", "an object") }
        parts.tokens = TokenTable(expectedCount: sizeHint)
        var spelled: [UInt8] = []
        try reader.readObjectBytes { reader, text in
            guard let next = reader.peek(), next == 0x2D || (0x30...0x39).contains(next) else {
                throw fail("no number as the id of token \(shown(text))", "an integer")
            }
            let id = try reader.readInteger()
            guard id >= 0, id < TokenizerFile.idLimit else {
                throw fail("id \(id) of token \(shown(text))", "an id from 0 to \(TokenizerFile.idLimit - 1)")
            }
            guard parts.otherBytes[Int32(id)] == nil else { throw twice(id, text) }
            spelled.removeAll(keepingCapacity: true)
            if ByteAlphabet.decode(text, into: &spelled) {
                let inserted = spelled.withUnsafeBufferPointer { parts.tokens.insert($0, id: Int(id)) }
                guard inserted else { throw twice(id, text) }
            } else {
                // Not of the alphabet: a special token that stands in the vocabulary too. Nothing but itself may find
                // it, so it is kept out of the table of bytes.
                guard !parts.tokens.contains(id: Int(id)),
                    parts.idsByText.updateValue(Int32(id), forKey: Array(text)) == nil
                else { throw twice(id, text) }
                parts.otherBytes[Int32(id)] = Array(text)
            }
        }
        parts.byteTokens = try (0..<256).map { value throws(TokenizerError) in
            guard let id = [UInt8(value)].withUnsafeBufferPointer({ parts.tokens.id(of: $0) }) else {
                throw fail("no token for byte \(value) in model.vocab", "a byte-level vocabulary with all 256 bytes")
            }
            return id
        }
    }

    private func twice(_ id: Int64, _ text: UnsafeBufferPointer<UInt8>) -> TokenizerError {
        fail("id \(id) or token \(shown(text)) twice in model.vocab", "each id and each token once")
    }
}

/// A token's text for an error message: quoted, escaped and not too long.
func shown(_ text: UnsafeBufferPointer<UInt8>) -> String {
    JSONValue.string(String(String(decoding: text.prefix(160), as: UTF8.self).prefix(40))).text()
}
