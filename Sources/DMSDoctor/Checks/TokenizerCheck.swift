import DMSCheckpoint
import DMSJSON
import DMSTokenizer

/// `tokenizer.json` against the model's vocabulary, and the files beside it that other tools read.
struct TokenizerCheck {
    let tokenizer: Tokenizer?
    /// Why it cannot be read.
    let error: String?
    /// The object of `tokenizer_config.json`.
    let companion: JSONObject?
    let findings: [Finding]

    init(_ folder: ModelFolder, _ configuration: LlamaConfiguration?, _ generation: GenerationConfiguration?) {
        var findings: [Finding] = []
        var tokenizer: Tokenizer?
        var text: String?
        do {
            let path = try ModelDirectory.tokenizerPath(in: folder.path)
            let file = try MappedFile(path: path)
            if let kind = file.withBytes({ ForeignContent.kind(of: $0) }) {
                throw CheckpointError(file: path, found: kind, required: "a tokenizer.json")
            }
            tokenizer = try Tokenizer(file: path)
        } catch let error as CheckpointError {
            text = "\(error)"
            findings.append(Finding(error, .tokenizer, in: folder.path, advice: Advice.forFile(error)))
        } catch let error as TokenizerError {
            text = "\(error)"
            findings.append(
                Finding(
                    .problem, .tokenizer, file: "tokenizer.json", found: error.found, required: error.required,
                    advice:
                        "byte-level BPE in the form of the tokenizers library is read; save it so, or fetch it again"))
        } catch {
            text = "\(error)"
        }
        let objects = ["tokenizer_config.json", "special_tokens_map.json"].map { name -> JSONObject? in
            do throws(CheckpointError) {
                return try folder.object(name)
            } catch {
                findings.append(Finding(error, .tokenizer, in: folder.path, advice: Advice.forFile(error)))
                return nil
            }
        }
        if let tokenizer {
            findings += Self.compare(tokenizer, configuration)
            if let generation { findings += Self.ends(tokenizer, generation) }
            findings += Self.end(of: objects.compactMap { $0 }, tokenizer, generation)
            if findings.isEmpty {
                findings.append(
                    Finding(
                        .ok, .tokenizer, file: "tokenizer.json",
                        found: "\(tokenizer.vocabularySize) tokens, \(tokenizer.specialTokenIDs.count) of them special")
                )
            }
        }
        self.tokenizer = tokenizer
        error = text
        companion = objects[0]
        self.findings = findings
    }

    /// Every id needs a row of the embedding; more rows than ids are padding.
    private static func compare(_ tokenizer: Tokenizer, _ configuration: LlamaConfiguration?) -> [Finding] {
        guard let configuration else { return [] }
        var findings: [Finding] = []
        if tokenizer.vocabularySize > configuration.vocabularySize {
            findings.append(
                Finding(
                    .problem, .tokenizer, file: "tokenizer.json",
                    found: "ids up to \(tokenizer.vocabularySize - 1)",
                    required: "ids below \(configuration.vocabularySize), the vocab_size of config.json",
                    advice:
                        "the tokenizer is that of another model, or tokens were added without resizing the embedding"))
        }
        if let begin = configuration.beginOfTextID, let prefix = tokenizer.prefixIDs.first, prefix != begin {
            findings.append(
                Finding(
                    .warning, .tokenizer, file: "tokenizer.json", found: "\(prefix) before every text",
                    required: "\(begin), the bos_token_id of config.json",
                    advice: "the tokenizer's own is used; see whether both files are of one model"))
        }
        return findings
    }

    private static func ends(_ tokenizer: Tokenizer, _ generation: GenerationConfiguration) -> [Finding] {
        generation.endOfTextIDs.compactMap { id in
            let isToken = tokenizer.bytes(of: id) != nil || tokenizer.isSpecial(id)
            if isToken, tokenizer.isSpecial(id) { return nil }
            return Finding(
                .warning, .tokenizer, file: "tokenizer.json",
                found: isToken ? "an ordinary token under the id \(id)" : "no token under the id \(id)",
                required: "a special token, as eos_token_id is \(id)",
                advice: "see whether tokenizer and configuration are of one model")
        }
    }

    /// The end of text that Transformers' tokenizer takes, by its text.
    private static func end(
        of objects: [JSONObject], _ tokenizer: Tokenizer, _ generation: GenerationConfiguration?
    ) -> [Finding] {
        guard let generation, !generation.endOfTextIDs.isEmpty, let text = endToken(objects) else { return [] }
        let id = tokenizer.id(of: text)
        if let id, generation.endOfTextIDs.contains(id) { return [] }
        return [
            Finding(
                .warning, .tokenizer, file: "tokenizer_config.json", .key("eos_token"),
                found: CheckpointError.shown(.string(text)) + (id.map { ", the id \($0)" } ?? ", which is no token"),
                required: "one of the ids \(generation.endOfTextIDs.map(String.init).joined(separator: ", "))",
                advice: "engines that ask the tokenizer, such as FastDMS, end texts at another token")
        ]
    }

    /// `eos_token`, written as a text or as an object around it.
    static func endToken(_ objects: [JSONObject]) -> String? {
        for object in objects {
            guard let value = object["eos_token"] else { continue }
            if let text = value.stringValue ?? value.objectValue?["content"]?.stringValue { return text }
        }
        return nil
    }
}
