import DMSCheckpoint
import DMSDoctor
import DMSJSON
import DMSTestSupport
import Testing

/// One way to break a folder, and the one thing that is to be found then.
struct Breakage: Sendable, CustomTestStringConvertible {
    let name: String
    let severity: Finding.Severity
    let check: Finding.Check
    let file: String
    let subject: CheckpointError.Subject?
    let found: String
    let shards: Int
    let apply: @Sendable (PatientFolder) throws -> Void

    init(
        _ name: String, severity: Finding.Severity = .problem, _ check: Finding.Check, _ file: String,
        _ subject: CheckpointError.Subject? = nil, found: String, shards: Int = 1,
        apply: @escaping @Sendable (PatientFolder) throws -> Void
    ) {
        self.name = name
        self.severity = severity
        self.check = check
        self.file = file
        self.subject = subject
        self.found = found
        self.shards = shards
        self.apply = apply
    }

    var testDescription: String { name }

    static let pointer =
        "version https://git-lfs.github.com/spec/v1\noid sha256:\(String(repeating: "0", count: 64))\nsize 9\n"
    static let page = "\n<!DOCTYPE html>\n<html><body>404: there is no such file here</body></html>"

    /// A breakage of `config.json`, by one key.
    private static func config(
        _ name: String, severity: Finding.Severity = .problem, _ key: String, _ value: JSONValue?,
        at place: String? = nil,
        found: String
    ) -> Breakage {
        Breakage(name, severity: severity, .configuration, "config.json", .key(place ?? key), found: found) { patient in
            try patient.change("config.json") { $0[key] = value }
        }
    }

    static let ofConfiguration: [Breakage] = [
        Breakage("no configuration", .configuration, "config.json", found: "no such file") {
            try $0.remove("config.json")
        },
        Breakage("half a configuration", .configuration, "config.json", found: "") {
            try $0.folder.write("{\"hidden_size\": 2", to: "config.json")
        },
        Breakage("a pointer for a configuration", .configuration, "config.json", found: "Git LFS pointer") {
            try $0.folder.write(pointer, to: "config.json")
        },
        Breakage("a page for a configuration", .configuration, "config.json", found: "HTML page") {
            try $0.folder.write(page, to: "config.json")
        },
        config("another family", "model_type", .string("bogus"), found: "bogus"),
        config("an unknown key", severity: .warning, "magic", .integer(3), found: "3"),
        config("a sliding window", "sliding_window", .integer(16), found: "16"),
        config("another activation", "hidden_act", .string("gelu"), found: "gelu"),
        config("heads that do not divide", "num_key_value_heads", .integer(4), found: "4"),
        config("no hidden size", "hidden_size", nil, found: "no value"),
        config("a text for a number", "rms_norm_eps", .string("x"), found: "x"),
        config("no layers", "num_hidden_layers", .integer(0), found: "0"),
        config(
            "another scaling of positions", "rope_scaling",
            .object(JSONObject(["rope_type": .string("yarn"), "factor": .number(2)])), at: "rope_scaling.rope_type",
            found: "yarn"),
        config("an end of text beyond the vocabulary", "eos_token_id", .integer(9999), found: "9999"),
        Breakage(
            "no end of text", severity: .warning, .generation, "config.json", .key("eos_token_id"), found: "no value"
        ) {
            try $0.change("config.json") { $0["eos_token_id"] = .null }
        },
    ]

    static let ofTexts: [Breakage] = [
        Breakage("half a generation_config", .generation, "generation_config.json", found: "") {
            try $0.folder.write("{", to: "generation_config.json")
        },
        Breakage("a probability of 2", .generation, "generation_config.json", .key("top_p"), found: "2") {
            try $0.folder.write(#"{"top_p": 2}"#, to: "generation_config.json")
        },
        Breakage(
            "an ordinary token ends a text", severity: .warning, .tokenizer, "tokenizer.json", found: "under the id 70"
        ) {
            try $0.folder.write(#"{"eos_token_id": [1, 70]}"#, to: "generation_config.json")
        },
        Breakage("no tokenizer", .tokenizer, "tokenizer.json", found: "no such file") {
            try $0.remove("tokenizer.json")
        },
        Breakage("a pointer for a tokenizer", .tokenizer, "tokenizer.json", found: "Git LFS pointer") {
            try $0.folder.write(pointer, to: "tokenizer.json")
        },
        Breakage("a tokenizer of another kind", .tokenizer, "tokenizer.json", found: "Unigram") {
            try $0.change("tokenizer.json") { object in
                var model = object["model"]?.objectValue ?? JSONObject()
                model["type"] = .string("Unigram")
                object["model"] = .object(model)
            }
        },
        Breakage("more tokens than rows", .tokenizer, "tokenizer.json", found: "ids up to 262") {
            try $0.folder.write(JSONValue.object(ByteTokenizer.file(adding: ["<|new|>"])).text(), to: "tokenizer.json")
        },
        Breakage(
            "another end of text", severity: .warning, .tokenizer, "tokenizer_config.json", .key("eos_token"),
            found: "hello"
        ) { try $0.folder.write(#"{"eos_token": "hello"}"#, to: "tokenizer_config.json") },
        Breakage("half a tokenizer_config", .tokenizer, "tokenizer_config.json", found: "") {
            try $0.folder.write("{", to: "tokenizer_config.json")
        },
        Breakage("a remnant", severity: .warning, .folder, ".config.json.partial-7-1", found: "did not end") {
            try $0.folder.write("{", to: ".config.json.partial-7-1")
        },
    ]
}
