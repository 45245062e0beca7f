import DMSJSON

extension TokenizerPipeline {
    private static let switches = ["single_word", "lstrip", "rstrip", "normalized", "special"]

    /// Reads `added_tokens`.
    ///
    /// A token that stands in the vocabulary too must have the same id there.
    func readAddedTokens(_ parts: inout TokenizerParts) throws(TokenizerError) {
        let list = sections["added_tokens"] ?? .array([])
        guard let entries = list.arrayValue else { throw fail("added_tokens that is \(list.kind)", "a list") }
        var contents: Set<[UInt8]> = []
        for entry in entries {
            guard let object = entry.objectValue, let content = object["content"]?.stringValue, !content.isEmpty,
                let id = object["id"]?.integerValue, id >= 0, id < TokenizerFile.idLimit
            else {
                throw fail(
                    "the added token \(entry.text())", "an id from 0 to \(TokenizerFile.idLimit - 1) and a content")
            }
            try requireKeys(of: object, ["id", "content"] + Self.switches, in: "an added token")
            for key in Self.switches where object[key]?.boolValue == nil {
                throw fail("\(key) \(object[key]?.text() ?? "absent") in \(entry.text())", "true or false")
            }
            if object["single_word"] == .bool(true) {
                throw fail("single_word for the added token \(entry.text())", "false, as it is not supported")
            }
            guard contents.insert(Array(content.utf8)).inserted else {
                throw fail("the added token \(entry.text()) twice", "each added token once")
            }
            try add(object, content: content, id: Int32(id), &parts)
        }
    }

    private func add(
        _ object: JSONObject, content: String, id: Int32, _ parts: inout TokenizerParts
    ) throws(TokenizerError) {
        let text = Array(content.utf8)
        let isNormalized = object["normalized"] == .bool(true)
        let found = isNormalized ? parts.normalization.normalized(text) : text
        if let present = parts.id(of: text) {
            guard present == id else {
                throw fail("id \(id) for the added token \"\(content)\"", "\(present), its id in model.vocab")
            }
        } else {
            guard !parts.isUsed(id) else {
                throw fail("id \(id) for the added token \"\(content)\"", "an id that no other token has")
            }
            // Decoding reads every token in the alphabet where it can, added ones as well, in the form they are found in.
            var bytes: [UInt8] = []
            let isSpelled = found.withUnsafeBufferPointer { ByteAlphabet.decode($0, into: &bytes) }
            parts.otherBytes[id] = isSpelled ? bytes : found
        }
        parts.idsByText[text] = id
        let token = AddedTokens.Token(
            id: id, isSpecial: object["special"] == .bool(true), stripsLeft: object["lstrip"] == .bool(true),
            stripsRight: object["rstrip"] == .bool(true))
        if token.isSpecial { parts.specialIDs.insert(id) }
        if isNormalized {
            parts.normalizedAdded.insert(found, token)
        } else {
            parts.verbatimAdded.insert(text, token)
        }
    }
}
