import DMSJSON

extension TokenizerPipeline {
    /// Reads `post_processor`: at most one template, which says what stands around a text.
    ///
    /// Templates of text pairs are checked for nothing, as no pair is ever encoded.
    func readPostProcessor(_ parts: inout TokenizerParts) throws(TokenizerError) {
        guard let section = sections["post_processor"], !section.isNull else { return }
        let isSequence = type(of: section) == "\"Sequence\""
        let steps =
            try isSequence
            ? sequence(section.objectValue ?? JSONObject(), "processors", "post_processor") : [section]
        var templates = 0
        for step in steps {
            switch type(of: step) {
            case "\"ByteLevel\"": continue  // moves offsets, not ids
            case "\"TemplateProcessing\"":
                templates += 1
                guard templates == 1 else { throw fail("two templates in post_processor", "at most one") }
                try readTemplate(step.objectValue ?? JSONObject(), &parts)
            default:
                throw fail("a post_processor of type \(type(of: step))", "\"TemplateProcessing\" or \"ByteLevel\"")
            }
        }
    }

    /// `single` lists special tokens around one sequence A.
    private func readTemplate(_ template: JSONObject, _ parts: inout TokenizerParts) throws(TokenizerError) {
        try requireKeys(of: template, ["type", "single", "pair", "special_tokens"], in: "the template")
        guard let single = template["single"]?.arrayValue else {
            throw fail("a template without \"single\"", "a list of special tokens and one sequence")
        }
        var sequences = 0
        for item in single {
            guard let object = item.objectValue, object.count == 1,
                let name = object.entries[0].value.objectValue?["id"]?.stringValue
            else { throw fail("the template item \(item.text())", "a SpecialToken or a Sequence with an id") }
            switch (object.keys[0], name) {
            case ("Sequence", "A"): sequences += 1
            case ("SpecialToken", _):
                let ids = try specialToken(name, template["special_tokens"]?.objectValue ?? JSONObject(), parts)
                if sequences == 0 { parts.prefixIDs += ids } else { parts.suffixIDs += ids }
            default: throw fail("the template item \(item.text())", "a SpecialToken or the Sequence A")
            }
        }
        guard sequences == 1 else { throw fail("a template with \(sequences) sequences", "exactly one") }
    }

    /// The ids that a name of the template stands for.
    private func specialToken(
        _ name: String, _ definitions: JSONObject, _ parts: TokenizerParts
    ) throws(TokenizerError) -> [Int32] {
        guard let definition = definitions[name]?.objectValue, let ids = definition["ids"]?.arrayValue else {
            throw fail("no ids for \"\(name)\" in the template", "an entry of special_tokens")
        }
        let tokens = definition["tokens"]?.arrayValue
        if let tokens, tokens.count != ids.count {
            throw fail("\(tokens.count) tokens and \(ids.count) ids for \"\(name)\" in the template", "as many of each")
        }
        return try ids.enumerated().map { index, value throws(TokenizerError) in
            guard let id = value.integerValue.flatMap(Int32.init(exactly:)), parts.isUsed(id) else {
                throw fail("id \(value.text()) of \"\(name)\" in the template", "the id of a token")
            }
            if let token = tokens?[index] {
                guard let text = token.stringValue, parts.id(of: Array(text.utf8)) == id else {
                    throw fail("token \(token.text()) with id \(id) in the template", "the id that this token has")
                }
            }
            return id
        }
    }
}
