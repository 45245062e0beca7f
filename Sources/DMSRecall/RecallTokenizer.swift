import DMSJSON

/// The tokenizer of the recall model: byte-level BPE in which every word of the task is one token.
///
/// No merge is needed, as the tokenizer takes a piece that is in the vocabulary as it is; any other text falls apart
/// into bytes. So every text can be encoded, and loads wherever a Llama 3 tokenizer does.
enum RecallTokenizer {
    static let beginOfText = "<|begin_of_text|>"
    static let endOfText = "<|end_of_text|>"

    /// Tokens by id: the special ones, the 256 bytes, and every word without and with the blank before it.
    static let vocabulary: [String] =
        [beginOfText, endOfText] + (0..<256).map { symbol(ofByte: UInt8($0)) } + RecallWords.all
        + RecallWords.all.map { symbol(ofByte: 0x20) + $0 }

    /// `tokenizer.json`.
    static var file: JSONObject {
        let entries = vocabulary.enumerated().reduce(into: JSONObject()) {
            $0[$1.element] = .integer(Int64($1.offset))
        }
        let model = JSONObject([
            "type": .string("BPE"), "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null,
            "end_of_word_suffix": .null, "fuse_unk": .bool(false), "byte_fallback": .bool(false),
            "ignore_merges": .bool(true), "vocab": .object(entries), "merges": .array([]),
        ])
        return JSONObject([
            "version": .string("1.0"), "truncation": .null, "padding": .null,
            "added_tokens": .array([addedToken(0, beginOfText), addedToken(1, endOfText)]), "normalizer": .null,
            "pre_tokenizer": preTokenizer, "post_processor": postProcessor,
            "decoder": byteLevel(addsPrefixSpace: true, trimsOffsets: true, usesPattern: true),
            "model": .object(model),
        ])
    }

    /// `tokenizer_config.json`.
    ///
    /// - Parameter contextLength: The longest text that the model is made for.
    static func configuration(contextLength: Int) -> JSONObject {
        JSONObject([
            "add_bos_token": .bool(true), "bos_token": .string(beginOfText), "eos_token": .string(endOfText),
            "clean_up_tokenization_spaces": .bool(false), "model_max_length": .integer(Int64(contextLength)),
            "model_input_names": .array([.string("input_ids"), .string("attention_mask")]),
            "tokenizer_class": .string("PreTrainedTokenizerFast"),
        ])
    }

    /// `special_tokens_map.json`.
    static var specialTokens: JSONObject {
        JSONObject(["bos_token": .string(beginOfText), "eos_token": .string(endOfText)])
    }

    /// The letter that byte-level tokenizers write for a byte, as GPT-2 defined it: printable Latin-1 stands for itself,
    /// the other bytes for U+0100 and up, in order.
    private static func symbol(ofByte byte: UInt8) -> String {
        func isPrintable(_ byte: UInt8) -> Bool {
            (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE
        }
        if isPrintable(byte) { return String(UnicodeScalar(byte)) }
        let rank = (0..<byte).count { !isPrintable($0) }
        return String(UnicodeScalar(UInt32(0x100 + rank)) ?? "?")
    }

    private static func addedToken(_ id: Int64, _ content: String) -> JSONValue {
        .object(
            JSONObject([
                "id": .integer(id), "content": .string(content), "single_word": .bool(false), "lstrip": .bool(false),
                "rstrip": .bool(false), "normalized": .bool(false), "special": .bool(true),
            ]))
    }

    private static func byteLevel(addsPrefixSpace: Bool, trimsOffsets: Bool, usesPattern: Bool) -> JSONValue {
        .object(
            JSONObject([
                "type": .string("ByteLevel"), "add_prefix_space": .bool(addsPrefixSpace),
                "trim_offsets": .bool(trimsOffsets), "use_regex": .bool(usesPattern),
            ]))
    }

    /// That of Llama 3, to the letter.
    private static var preTokenizer: JSONValue {
        let pattern =
            #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"#
            + #"\s*[\r\n]+|\s+(?!\S)|\s+"#
        let split = JSONObject([
            "type": .string("Split"), "pattern": .object(JSONObject(["Regex": .string(pattern)])),
            "behavior": .string("Isolated"), "invert": .bool(false),
        ])
        let bytes = byteLevel(addsPrefixSpace: false, trimsOffsets: true, usesPattern: false)
        return .object(
            JSONObject(["type": .string("Sequence"), "pretokenizers": .array([.object(split), bytes])]))
    }

    /// Puts the begin-of-text token before a text.
    private static var postProcessor: JSONValue {
        func piece(_ kind: String, _ id: String, _ type: Int64) -> JSONValue {
            .object(JSONObject([kind: .object(JSONObject(["id": .string(id), "type_id": .integer(type)]))]))
        }
        let begin = JSONObject([
            "id": .string(beginOfText), "ids": .array([.integer(0)]), "tokens": .array([.string(beginOfText)]),
        ])
        let single = [piece("SpecialToken", beginOfText, 0), piece("Sequence", "A", 0)]
        let second = [piece("SpecialToken", beginOfText, 1), piece("Sequence", "B", 1)]
        return .object(
            JSONObject([
                "type": .string("TemplateProcessing"), "single": .array(single), "pair": .array(single + second),
                "special_tokens": .object(JSONObject([beginOfText: .object(begin)])),
            ]))
    }
}
