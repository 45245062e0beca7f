import DMSJSON

/// Reads a `tokenizer.json` section by section.
///
/// Sections may stand in any order, so small ones are kept as values, and the two large ones (vocabulary and merges)
/// are walked without being built, in a second pass over the text where they lie.
struct TokenizerFile {
    /// Ids at or above this are refused, as they would ask for tables of that size.
    static let idLimit: Int64 = 1 << 22

    let file: String
    private let bytes: UnsafeBufferPointer<UInt8>
    private var sections = JSONObject()
    private var model = JSONObject()
    /// Readers that stand before the two large sections.
    private var vocabulary: JSONReader?
    private var merges: JSONReader?

    static func read(_ bytes: UnsafeBufferPointer<UInt8>, file: String) throws(TokenizerError) -> TokenizerParts {
        var reader = TokenizerFile(file: file, bytes: bytes)
        do {
            try reader.findSections()
            return try reader.parts()
        } catch let error as TokenizerError {
            throw error
        } catch {
            throw TokenizerError(file: file, found: "\(error)", required: "a well-formed tokenizer.json")
        }
    }

    private init(file: String, bytes: UnsafeBufferPointer<UInt8>) {
        self.file = file
        self.bytes = bytes
    }

    private func fail(_ found: String, _ required: String) -> TokenizerError {
        TokenizerError(file: file, found: found, required: required)
    }

    private mutating func findSections() throws {
        var reader = JSONReader(bytes)
        guard reader.peek() == UInt8(ascii: "{") else { throw fail("no JSON object", "a tokenizer.json") }
        try reader.readObject { reader, key in
            guard sections[key] == nil else { throw fail("the key \"\(key)\" twice", "each key once") }
            if key == "model", reader.peek() == UInt8(ascii: "{") {
                sections[key] = .bool(true)
                try readModel(&reader)
            } else {
                sections[key] = try reader.readValue()
            }
        }
        try reader.finish()
    }

    private mutating func readModel(_ reader: inout JSONReader) throws {
        try reader.readObject { reader, key in
            guard model[key] == nil else { throw fail("the key \"model.\(key)\" twice", "each key once") }
            guard key == "vocab" || key == "merges" else {
                model[key] = try reader.readValue()
                return
            }
            model[key] = .bool(true)
            if key == "vocab" { vocabulary = reader } else { merges = reader }
            try reader.skipValue()
        }
    }

    private func parts() throws -> TokenizerParts {
        var parts = TokenizerParts()
        let pipeline = TokenizerPipeline(file: file, sections: sections)
        try pipeline.requireKnownSections()
        parts.normalization = try pipeline.normalization()
        parts.preTokenizer = try pipeline.preTokenizer()
        parts.ignoresMerges = try modelOptions()
        guard let vocabulary else { throw fail("no \"model.vocab\"", "an object of tokens and ids") }
        try VocabularyReader(file: file).read(vocabulary, sizeHint: bytes.count / 256, into: &parts)
        guard let merges else { throw fail("no \"model.merges\"", "a list of merges") }
        parts.merges = try MergeReader(file: file, tokens: parts.tokens).read(merges, sizeHint: bytes.count / 64)
        try pipeline.readAddedTokens(&parts)
        try pipeline.readPostProcessor(&parts)
        return parts
    }

    /// Checks the options of the model and returns `ignore_merges`.
    private func modelOptions() throws(TokenizerError) -> Bool {
        guard let section = sections["model"], section == .bool(true) else {
            throw fail(sections["model"].map { "a model that is \($0.kind)" } ?? "no \"model\"", "a model of type BPE")
        }
        // The type may be absent in old files; the shape of the rest tells then.
        if let type = model["type"], type != .string("BPE") {
            throw fail("a model of type \(type.text())", "type \"BPE\" (byte-level)")
        }
        let neutral: [(String, [JSONValue])] = [
            ("dropout", [.null, .integer(0), .number(0)]), ("unk_token", [.null]),
            ("continuing_subword_prefix", [.null, .string("")]), ("end_of_word_suffix", [.null, .string("")]),
            // Without an unknown token there is nothing to fuse.
            ("fuse_unk", [.bool(false), .bool(true), .null]), ("byte_fallback", [.bool(false), .null]),
        ]
        for (key, allowed) in neutral {
            if let value = model[key], !allowed.contains(value) {
                throw fail("model.\(key) = \(value.text())", "\(allowed[0].text()), as nothing else is supported")
            }
        }
        let known = Set(neutral.map(\.0) + ["type", "ignore_merges", "vocab", "merges"])
        if let key = model.keys.first(where: { !known.contains($0) }) {
            throw fail("the unknown key \"model.\(key)\"", "a key of a BPE model")
        }
        switch model["ignore_merges"] {
        case nil, .bool(false): return false
        case .bool(true): return true
        case .some(let value): throw fail("model.ignore_merges = \(value.text())", "true or false")
        }
    }
}
