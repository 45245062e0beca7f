import DMSJSON
import DMSTestSupport
import Foundation
import Testing

@Suite("dms eval")
struct EvalCommandTests {
    /// Text without repetition that a model could learn by heart in a window.
    static func corpus(_ folder: TemporaryFolder) throws -> String {
        var generator = SeededGenerator(seed: 6)
        let words = (0..<400).map { _ in
            String(
                (0..<Int.random(in: 2...7, using: &generator)).map { _ in
                    "abcdefghij".randomElement(using: &generator) ?? "a"
                })
        }
        try folder.write(words.joined(separator: " "), to: "corpus.txt")
        return folder.file("corpus.txt")
    }

    @Test("the JSON object has the keys that scripts depend on, and both paths agree")
    func json() throws {
        let model = try TinyFolder(dms: TinyFolder.metadata(window: 8))
        let base = try TinyFolder(seed: 2)
        let corpus = try Self.corpus(model.folder)
        let result = try Command.run(
            "eval", "--model", model.path, "--base", base.path, "--corpus", corpus, "--chunk-length", "100", "--chunks",
            "3", "--no-bos", "--controls", "--path", "both", "--precision", "fp32", "--kv-dtype", "fp32,fp8",
            "--prefill-chunk", "33", "--threads", "1", "--json")
        #expect(result.status == 0)
        #expect(result.error.isEmpty)
        let object = try result.object()
        #expect(object["tokens_scored"] == .integer(297))
        for key in [
            "perplexity", "base_perplexity", "perplexity_delta", "kld", "max_kld", "top1_agreement", "eviction_rate",
            "decision_ratio", "live_ratio", "live_ratio_end", "live_ratio_peak", "byte_ratio", "nll_sum",
        ] {
            #expect(object[key]?.doubleValue != nil, "\(key)")
        }
        let delta = try #require(object["perplexity_delta"]?.doubleValue)
        let own = try #require(object["perplexity"]?.doubleValue)
        let other = try #require(object["base_perplexity"]?.doubleValue)
        #expect(abs(delta - (own / other - 1)) < 1e-12)
        let paths = try #require(object["paths"]?.objectValue)
        #expect(try #require(paths["max_logprob_difference"]?.doubleValue) < 1e-4)
        #expect(paths["strict"]?.objectValue?["byte_ratio"]?.isNull == true)
        let controls = try #require(object["controls"]?.objectValue)
        #expect(controls.keys == ["base", "no_evict", "dms", "sliding_window", "random"])
        let live = try #require(object["live_ratio"]?.doubleValue)
        #expect(live > 1.05)
        for name in ["sliding_window", "random"] {
            let control = try #require(controls[name]?.objectValue?["live_ratio"]?.doubleValue)
            #expect(control <= live && control > live * 0.93, "\(name)")
        }
        #expect(controls["no_evict"]?.objectValue?["eviction_rate"] == .number(0))
        let types = (object["kv_dtypes"]?.arrayValue ?? []).compactMap(\.objectValue)
        #expect(types.map { $0["kv_dtype"]?.stringValue } == ["fp32", "fp8"])
        #expect(try #require(types[1]["kld_vs_fp32"]?.doubleValue) > 0)
        #expect(try #require(object["eviction"]?.objectValue?["kld_vs_no_evict"]?.doubleValue) > 0)
    }

    @Test("without a base there is no distance, and a plain model never evicts")
    func plain() throws {
        let model = try TinyFolder()
        let corpus = try Self.corpus(model.folder)
        let object = try Command.run(
            "eval", "--model", model.path, "--corpus", corpus, "--chunk-length", "64", "--json"
        ).object()
        for key in ["base_perplexity", "perplexity_delta", "kld", "max_kld", "top1_agreement", "controls"] {
            #expect(object[key]?.isNull == true, "\(key)")
        }
        #expect(object["live_ratio"] == .number(1))
        #expect(object["eviction_rate"] == .number(0))
        let text = try Command.run("eval", "--model", model.path, "--corpus", corpus, "--chunk-length", "64")
        #expect(text.status == 0)
        for word in ["perplexity", "decision", "live", "bytes", "No --base"] { #expect(text.output.contains(word)) }
    }

    @Test("serving and needle tasks")
    func otherTasks() throws {
        let model = try TinyFolder(dms: TinyFolder.metadata(window: 8))
        let corpus = try Self.corpus(model.folder)
        let serving = try Command.run(
            "eval", "--model", model.path, "--task", "serving", "--corpus", corpus, "--context", "70", "--prompts", "2",
            "--steps", "5", "--json"
        ).object()
        #expect(serving["prompts"]?.arrayValue?.count == 2)
        #expect(serving["steps_scored"]?.integerValue ?? 0 >= 2)
        #expect(serving["token_match"]?.doubleValue != nil)
        let picture = model.folder.file("needle.svg")
        let needle = try Command.run(
            "eval", "--model", model.path, "--task", "needle", "--lengths", "300", "--depths", "0,100", "--samples",
            "1",
            "--seed", "3", "--controls", "--plot", picture, "--text-plot", model.folder.file("text.svg"), "--json"
        ).object()
        #expect(needle["subjects"]?.objectValue?.keys == ["dms", "no_evict", "sliding_window", "random"])
        for file in [picture, model.folder.file("text.svg")] {
            #expect(try String(contentsOfFile: file, encoding: .utf8).contains("</svg>"))
        }
    }

    @Test(
        "contradictory options end with status 64",
        arguments: [
            ["--corpus", "c", "--controls", "--no-evict"], [], ["--task", "serving"],
            ["--task", "needle", "--corpus", "c"],
            ["--task", "serving", "--corpus", "c", "--controls"], ["--task", "needle", "--no-evict"],
            ["--task", "recall", "--corpus", "c"], ["--corpus", "c", "--text-plot", "x.svg"],
            ["--corpus", "c", "--plot", "x.svg"],
            ["--corpus", "c", "--steps", "3"], ["--task", "serving", "--corpus", "c", "--base", "b"],
            ["--task", "serving", "--corpus", "c", "--path", "both"],
            ["--task", "needle", "--kv-dtype", "fp32,bf16"], ["--corpus", "c", "--kv-dtype", "fp32,fp32"],
            ["--corpus", "c", "--kv-dtype", "int4"], ["--corpus", "c", "--zero-channel", "twice"],
            ["--corpus", "c", "--chunk-length", "1"], ["--corpus", "c", "--chunks", "0"],
            ["--corpus", "c", "--prefill-chunk", "0"], ["--corpus", "c", "--task", "humming"],
            ["--task", "needle", "--depths", "101"], ["--task", "needle", "--lengths", "0"],
        ])
    func contradictions(arguments: [String]) throws {
        let result = try Command.run(["eval", "--model", "m"] + arguments, input: [])
        #expect(result.status == 64)
        #expect(result.output.isEmpty)
        #expect(result.error.hasPrefix("dms: error: "))
    }

    @Test("what is wrong with the files ends with status 1 and is named")
    func failures() throws {
        let model = try TinyFolder(dms: TinyFolder.metadata(window: 8))
        let corpus = try Self.corpus(model.folder)
        try model.folder.write([0x61, 0xFF], to: "bytes.txt")
        try model.folder.write("short", to: "short.txt")
        let plain = try TinyFolder()
        var other = TinyCheckpoint()
        other.vocabulary = 300
        let vocabulary = try TemporaryFolder()
        try other.write(to: vocabulary.path)
        func message(_ arguments: [String], model: String) throws -> String {
            let result = try Command.run(["eval", "--model", model] + arguments, input: [])
            #expect(result.status == 1)
            #expect(result.output.isEmpty)
            return result.error
        }
        #expect(try message(["--corpus", "/none.txt"], model: model.path).contains("/none.txt: there is no such file"))
        #expect(try message(["--corpus", model.folder.file("bytes.txt")], model: model.path).contains("offset 1"))
        let short = try message(["--corpus", model.folder.file("short.txt")], model: model.path)
        #expect(short.contains("short.txt") && short.contains("0 full chunks of 512"))
        let base = try message(["--corpus", corpus, "--base", vocabulary.path], model: model.path)
        #expect(base.contains(vocabulary.path) && base.contains(model.path) && base.contains("300"))
        #expect(try message(["--corpus", corpus, "--controls"], model: plain.path).contains("DMS metadata"))
        #expect(try message(["--task", "needle", "--controls"], model: plain.path).contains("DMS metadata"))
        // Each of its words would be several tokens.
        #expect(try message(["--task", "recall"], model: model.path).contains("a token for every word"))
        #expect(try message(["--corpus", corpus, "--zero-channel", "none"], model: plain.path).contains(plain.path))
        #expect(
            try message(["--task", "needle", "--plot", "/nonexistent/x.svg"], model: model.path).contains(
                "/nonexistent"))
    }

    @Test("what nobody sees in a text is said, and so is a text beyond the model's positions")
    func notes() throws {
        let model = try TinyFolder(maximumPositions: 64)
        let text = Array(try String(contentsOfFile: Self.corpus(model.folder), encoding: .utf8).utf8)
        try model.folder.write([0xEF, 0xBB, 0xBF] + text + Array("\r\n".utf8), to: "marked.txt")
        func run(_ corpus: String, _ length: String) throws -> Command.Result {
            try Command.run(
                "eval", "--model", model.path, "--corpus", model.folder.file(corpus), "--chunk-length", length,
                "--chunks", "1", "--json")
        }
        let plain = try run("corpus.txt", "64")
        #expect(plain.status == 0 && plain.error.isEmpty, "\(plain.error)")
        let marked = try run("marked.txt", "64")
        #expect(marked.error.contains("byte order mark") && marked.error.contains("CR LF"), "\(marked.error)")
        #expect(try marked.object()["perplexity"] == plain.object()["perplexity"])
        let long = try run("corpus.txt", "65")
        #expect(long.status == 0 && long.error.contains("the 64 positions"), "\(long.error)")
    }
}
