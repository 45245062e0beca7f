import DMSJSON
import DMSTokenizer

/// A tokenizer of 256 bytes, some merges and two special tokens, written as text so that tests can break it.
enum TinyTokenizer {
    static let pattern =
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

    /// The character that stands for a byte in a vocabulary.
    static func spelled(_ byte: UInt8) -> String {
        let printable = (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE
        if printable { return String(UnicodeScalar(byte)) }
        let others = (0..<256).map(UInt8.init).filter {
            !((0x21...0x7E).contains($0) || (0xA1...0xAC).contains($0) || $0 >= 0xAE)
        }
        let index = others.firstIndex(of: byte) ?? 0
        return String(UnicodeScalar(UInt32(0x100 + index)) ?? "?")
    }

    static func spelled(_ text: String) -> String { text.utf8.map { spelled($0) }.joined() }

    /// Merges in order of rank: "t h" and so on, each result a token.
    static let merges = [
        ("t", "h"), ("th", "e"), (" ", "the"), ("a", "a"), ("aa", "aa"), (" ", " "), ("  ", "  "), ("1", "2"),
        ("e", "r"), ("h", "e"), ("\n", "\n"), ("aaaa", "aaaa"),
    ]

    static let split = JSONObject([
        "type": .string("Split"), "pattern": .object(JSONObject(["Regex": .string(pattern)])),
        "behavior": .string("Isolated"), "invert": .bool(false),
    ])
    static let byteLevel = JSONObject([
        "type": .string("ByteLevel"), "add_prefix_space": .bool(false), "trim_offsets": .bool(true),
        "use_regex": .bool(false),
    ])

    /// The file as a value that a test may change before it is written.
    static func file(ignoreMerges: Bool = true) -> JSONObject {
        var vocabulary = JSONObject()
        for byte in 0..<256 { vocabulary[spelled(UInt8(byte))] = .integer(Int64(byte)) }
        for (left, right) in merges {
            vocabulary[spelled(left + right)] = .integer(Int64(vocabulary.count))
        }
        vocabulary[spelled("whole")] = .integer(Int64(vocabulary.count))
        let model = JSONObject([
            "type": .string("BPE"), "dropout": .null, "unk_token": .null, "ignore_merges": .bool(ignoreMerges),
            "vocab": .object(vocabulary),
            "merges": .array(merges.map { .string(spelled($0) + " " + spelled($1)) }),
        ])
        return JSONObject([
            "version": .string("1.0"),
            "added_tokens": .array([added(300, "<|begin|>"), added(301, "<|end|>")]),
            "normalizer": .null,
            "pre_tokenizer": .object(
                JSONObject([
                    "type": .string("Sequence"), "pretokenizers": .array([.object(split), .object(byteLevel)]),
                ])),
            "post_processor": template,
            "decoder": .object(JSONObject(["type": .string("ByteLevel")])),
            "model": .object(model),
        ])
    }

    /// - Parameter changes: Keys to set or, with `nil`, to leave out.
    static func added(
        _ id: Int64, _ content: String, special: Bool = true, changes: KeyValuePairs<String, JSONValue?> = [:]
    ) -> JSONValue {
        var token = JSONObject([
            "id": .integer(id), "content": .string(content), "single_word": .bool(false), "lstrip": .bool(false),
            "rstrip": .bool(false), "normalized": .bool(false), "special": .bool(special),
        ])
        for (key, value) in changes { token[key] = value }
        return .object(token)
    }

    static let template = JSONValue.object(
        JSONObject([
            "type": .string("TemplateProcessing"),
            "single": .array([
                .object(JSONObject(["SpecialToken": .object(JSONObject(["id": .string("<|begin|>")]))])),
                .object(JSONObject(["Sequence": .object(JSONObject(["id": .string("A")]))])),
            ]),
            "special_tokens": .object(
                JSONObject(["<|begin|>": .object(JSONObject(["ids": .array([.integer(300)])]))])),
        ]))

    static func make(_ file: JSONObject = file()) throws -> Tokenizer {
        try Tokenizer(json: Array(JSONValue.object(file).text().utf8))
    }
}
