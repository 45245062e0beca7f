import DMSJSON

/// Reads `model.merges`, a list of pairs of tokens in order of rank: `"a b"` or `["a", "b"]`.
struct MergeReader {
    let file: String
    let tokens: TokenTable

    private func fail(_ found: String, _ required: String) -> TokenizerError {
        TokenizerError(file: file, found: found, required: required)
    }

    /// - Parameter reader: Stands before the list.
    func read(_ reader: JSONReader, sizeHint: Int) throws -> MergeTable {
        var reader = reader
        guard reader.peek() == UInt8(ascii: "[") else { throw fail("model.merges that is no list", "a list") }
        var merges = MergeTable(expectedCount: sizeHint)
        var spelled: [UInt8] = []
        try reader.readArray { reader, rank in
            let (left, right) =
                try reader.peek() == UInt8(ascii: "[")
                ? readList(&reader, rank, &spelled) : readString(&reader, rank, &spelled)
            guard let result = tokens.id(ofPair: Int(left), Int(right)) else {
                throw fail("merge \(rank), whose result is no token", "merges that give tokens of model.vocab")
            }
            merges.insert(left, right, MergeTable.Merge(rank: Int32(rank), result: result))
        }
        return merges
    }

    /// Reads `["a", "b"]`.
    private func readList(
        _ reader: inout JSONReader, _ rank: Int, _ spelled: inout [UInt8]
    ) throws -> (Int32, Int32) {
        var pair: (Int32, Int32) = (0, 0)
        var count = 0
        try reader.readArray { reader, index in
            let id = try reader.readStringBytes { try token($0, rank, &spelled) }
            if index == 0 { pair.0 = id } else { pair.1 = id }
            count += 1
        }
        guard count == 2 else { throw fail("merge \(rank) of \(count) tokens", "2 tokens") }
        return pair
    }

    /// Reads `"a b"`; the alphabet has no blank.
    private func readString(
        _ reader: inout JSONReader, _ rank: Int, _ spelled: inout [UInt8]
    ) throws -> (Int32, Int32) {
        try reader.readStringBytes { text in
            guard let blank = text.firstIndex(of: 0x20) else {
                throw fail("merge \(rank) without a blank: \(shown(text))", "two tokens")
            }
            return (
                try token(UnsafeBufferPointer(rebasing: text[..<blank]), rank, &spelled),
                try token(UnsafeBufferPointer(rebasing: text[(blank + 1)...]), rank, &spelled)
            )
        }
    }

    private func token(
        _ text: UnsafeBufferPointer<UInt8>, _ rank: Int, _ spelled: inout [UInt8]
    ) throws(TokenizerError) -> Int32 {
        spelled.removeAll(keepingCapacity: true)
        if !text.isEmpty, ByteAlphabet.decode(text, into: &spelled),
            let id = spelled.withUnsafeBufferPointer({ tokens.id(of: $0) })
        {
            return id
        }
        throw fail("merge \(rank) of \(shown(text))", "a token of model.vocab in the byte-level alphabet")
    }
}
