public import DMSJSON

/// A byte tokenizer of 262 entries in the form of Llama 3's: "hello" is one token, other letters are their bytes.
public enum ByteTokenizer {
    /// Beginning and end of a text: ids 0 and 1.
    public static let specials = ["<|begin|>", "<|end|>"]
    private static let merges = ["h e", "l l", "he ll", "hell o"]

    /// Two special tokens, the 256 bytes, four merged pairs.
    public static let vocabulary: [String] = {
        specials + (0..<256).map { String(symbol(of: UInt8($0))) }
            + merges.map { $0.split(separator: " ").joined() }
    }()

    /// The id of a byte's token.
    public static func id(of byte: UInt8) -> Int32 { Int32(byte) + 2 }

    /// The byte-level alphabet: printable Latin-1 characters stand for themselves, the rest for U+0100 and up, in order.
    private static func symbol(of byte: UInt8) -> Unicode.Scalar {
        func isPrintable(_ value: UInt8) -> Bool {
            (0x21...0x7E).contains(value) || (0xA1...0xAC).contains(value) || value >= 0xAE
        }
        if isPrintable(byte) { return Unicode.Scalar(byte) }
        let rank = (0..<byte).count { !isPrintable($0) }
        return Unicode.Scalar(UInt32(0x100 + rank)) ?? "?"
    }

    /// The entries of a `tokenizer.json` with further special tokens, whose ids follow those of the vocabulary.
    public static func file(adding specials: [String]) -> JSONObject {
        var object = file
        let further = specials.enumerated().map { index, content in
            addedToken(vocabulary.count + index, content)
        }
        object["added_tokens"] = .array((object["added_tokens"]?.arrayValue ?? []) + further)
        return object
    }

    private static func addedToken(_ id: Int, _ content: String) -> JSONValue {
        .object(
            JSONObject([
                "id": .integer(Int64(id)), "content": .string(content), "single_word": .bool(false),
                "lstrip": .bool(false), "rstrip": .bool(false), "normalized": .bool(false), "special": .bool(true),
            ]))
    }

    /// The entries of its `tokenizer.json`.
    public static let file: JSONObject = {
        let pattern =
            #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
        func byteLevel(_ extra: KeyValuePairs<String, JSONValue>) -> JSONValue {
            var object = JSONObject(["type": .string("ByteLevel")])
            for (key, value) in extra { object[key] = value }
            return .object(object)
        }
        let added = specials.enumerated().map { addedToken($0.offset, $0.element) }
        let split = JSONObject([
            "type": .string("Split"), "pattern": .object(JSONObject(["Regex": .string(pattern)])),
            "behavior": .string("Isolated"), "invert": .bool(false),
        ])
        let bytes = byteLevel([
            "add_prefix_space": .bool(false), "trim_offsets": .bool(true), "use_regex": .bool(false),
        ])
        let processing = byteLevel([
            "add_prefix_space": .bool(true), "trim_offsets": .bool(false), "use_regex": .bool(true),
        ])
        let begin = JSONObject([
            "SpecialToken": .object(JSONObject(["id": .string(specials[0]), "type_id": .integer(0)]))
        ])
        let text = JSONObject([
            "Sequence": .object(JSONObject(["id": .string("A"), "type_id": .integer(0)]))
        ])
        let template = JSONObject([
            "type": .string("TemplateProcessing"), "single": .array([.object(begin), .object(text)]),
            "pair": .array([.object(begin), .object(text)]),
            "special_tokens": .object(
                JSONObject([
                    specials[0]: .object(
                        JSONObject([
                            "id": .string(specials[0]), "ids": .array([.integer(0)]),
                            "tokens": .array([.string(specials[0])]),
                        ]))
                ])),
        ])
        let entries = vocabulary.enumerated().reduce(into: JSONObject()) { $0[$1.element] = .integer(Int64($1.offset)) }
        let model = JSONObject([
            "type": .string("BPE"), "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null,
            "end_of_word_suffix": .null, "fuse_unk": .bool(false), "byte_fallback": .bool(false),
            "ignore_merges": .bool(true), "vocab": .object(entries), "merges": .array(merges.map { .string($0) }),
        ])
        return JSONObject([
            "version": .string("1.0"), "truncation": .null, "padding": .null, "added_tokens": .array(added),
            "normalizer": .null,
            "pre_tokenizer": .object(
                JSONObject(["type": .string("Sequence"), "pretokenizers": .array([.object(split), bytes])])),
            "post_processor": .object(
                JSONObject(["type": .string("Sequence"), "processors": .array([processing, .object(template)])])),
            "decoder": byteLevel([
                "add_prefix_space": .bool(true), "trim_offsets": .bool(true), "use_regex": .bool(true),
            ]),
            "model": .object(model),
        ])
    }()
}
