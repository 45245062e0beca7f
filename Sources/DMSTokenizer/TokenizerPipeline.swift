import DMSJSON

/// The small sections of a `tokenizer.json`: what comes before and after the model.
struct TokenizerPipeline {
    let file: String
    let sections: JSONObject

    func fail(_ found: String, _ required: String) -> TokenizerError {
        TokenizerError(file: file, found: found, required: required)
    }

    func requireKnownSections() throws(TokenizerError) {
        // Truncation and padding are about batches of training data; encoding one text neither truncates nor pads, so
        // these two are read past, as the reference library's users do by default.
        let known = [
            "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
            "decoder", "model",
        ]
        try requireKeys(of: sections, known, in: "the file")
        guard sections["version"] == .string("1.0") else {
            throw fail("version \(sections["version"]?.text() ?? "absent")", "\"1.0\"")
        }
        guard let decoder = sections["decoder"], type(of: decoder) == "\"ByteLevel\"" else {
            throw fail("a decoder of type \(sections["decoder"].map(type(of:)) ?? "absent")", "type \"ByteLevel\"")
        }
    }

    func normalization() throws(TokenizerError) -> TextNormalization {
        guard let section = sections["normalizer"], !section.isNull else { return .none }
        guard type(of: section) == "\"NFC\"" else {
            throw fail("a normalizer of type \(type(of: section))", "none or \"NFC\"; others are not supported")
        }
        try requireKeys(of: section.objectValue ?? JSONObject(), ["type"], in: "the normalizer")
        return .canonicalComposition
    }

    /// The value of "type", quoted, for comparing and for messages; the kind of value where there is none.
    func type(of value: JSONValue) -> String { value.objectValue?["type"]?.text() ?? value.kind }

    func requireKeys(of object: JSONObject, _ known: [String], in place: String) throws(TokenizerError) {
        if let key = object.keys.first(where: { !known.contains($0) }) {
            throw fail("the unknown key \"\(key)\" in \(place)", "only \(known.joined(separator: ", "))")
        }
    }

    func preTokenizer() throws(TokenizerError) -> PreTokenizer {
        guard let section = sections["pre_tokenizer"], let object = section.objectValue else {
            throw fail("no pre_tokenizer", "a Split by a known pattern, then ByteLevel")
        }
        let steps =
            type(of: section) == "\"Sequence\"" ? try sequence(object, "pretokenizers", "pre_tokenizer") : [section]
        let kinds = steps.map(type(of:))
        switch kinds {
        case ["\"Split\"", "\"ByteLevel\""]:
            try requireByteLevel(steps[1], usesPattern: false)
            return try split(steps[0].objectValue ?? JSONObject())
        case ["\"ByteLevel\""]:
            try requireByteLevel(steps[0], usesPattern: true)
            return .gpt2(isolatesDigits: false)
        case ["\"Digits\"", "\"ByteLevel\""]:
            try requireByteLevel(steps[1], usesPattern: true)
            return .gpt2(isolatesDigits: try isolatesDigits(steps[0].objectValue ?? JSONObject()))
        default:
            throw fail(
                "pre_tokenizer steps \(kinds.joined(separator: ", "))",
                "\"Split\", \"ByteLevel\"; or \"Digits\", \"ByteLevel\"; or \"ByteLevel\" alone")
        }
    }

    /// Checks a step that cuts at every digit.
    private func isolatesDigits(_ digits: JSONObject) throws(TokenizerError) -> Bool {
        try requireKeys(of: digits, ["type", "individual_digits"], in: "Digits")
        guard digits["individual_digits"] == .bool(true) else {
            throw fail("Digits with individual_digits \(digits["individual_digits"]?.text() ?? "absent")", "true")
        }
        return true
    }

    private func split(_ split: JSONObject) throws(TokenizerError) -> PreTokenizer {
        try requireKeys(of: split, ["type", "pattern", "behavior", "invert"], in: "the Split")
        guard split["behavior"] == .string("Isolated"), split["invert"] == nil || split["invert"] == .bool(false) else {
            throw fail(
                "a Split with behavior \(split["behavior"]?.text() ?? "absent"), invert "
                    + (split["invert"]?.text() ?? "absent"), "\"Isolated\", not inverted")
        }
        guard let pattern = split["pattern"]?.objectValue?["Regex"]?.stringValue,
            let preTokenizer = PreTokenizer(pattern: pattern)
        else {
            throw fail(
                "the split pattern \(split["pattern"]?.text() ?? "absent")",
                "the regular expression of Llama 3, Qwen 2 or GPT-2, to the letter")
        }
        return preTokenizer
    }

    /// Whether the step also splits by the pattern of GPT-2 must be as it is expected.
    private func requireByteLevel(_ step: JSONValue, usesPattern: Bool) throws(TokenizerError) {
        let object = step.objectValue ?? JSONObject()
        try requireKeys(of: object, ["type", "add_prefix_space", "trim_offsets", "use_regex"], in: "ByteLevel")
        guard object["add_prefix_space"] == .bool(false) else {
            throw fail("ByteLevel with add_prefix_space \(object["add_prefix_space"]?.text() ?? "absent")", "false")
        }
        guard object["use_regex"] ?? .bool(true) == .bool(usesPattern) else {
            throw fail(
                "ByteLevel with use_regex \(object["use_regex"]?.text() ?? "absent")",
                usesPattern ? "true where it stands alone" : "false after a Split")
        }
    }

    /// The steps of a `Sequence`.
    func sequence(_ object: JSONObject, _ key: String, _ place: String) throws(TokenizerError) -> [JSONValue] {
        try requireKeys(of: object, ["type", key], in: place)
        guard let steps = object[key]?.arrayValue else {
            throw fail("\(place).\(key) that is \(object[key]?.kind ?? "absent")", "a list")
        }
        return steps
    }
}
