import DMSCheckpoint
import DMSJSON
import DMSRecall
import DMSTestSupport
import Foundation
import Testing

@Suite("dms inspect --output")
struct InspectPageTests {
    /// A text of the recall task, repeated: a corpus that the shipped model has words for.
    static func corpus(_ folder: TemporaryFolder, texts: Int) throws -> String {
        let text = (0..<texts).map { number in
            let item = RecallTask(seed: 7).item(length: 400, depth: 0.3, number: number)
            return item.prompt + item.answer + "."
        }.joined(separator: " ")
        try folder.write(text, to: "corpus.txt")
        return folder.file("corpus.txt")
    }

    /// A published training log of two steps.
    static let log = """
        {"config": {}, "log": [{"step": 1, "phase": 1, "loss": 0.5, "elapsed_sec": 1},
        {"step": 2, "phase": 2, "kd_loss": 0.25, "compression_loss": 0.1, "loss": 0.35, "target_cr": 2,
        "target_eviction_rate": 0.5, "actual_eviction_rate": 0.4, "tau": 1, "elapsed_sec": 2}]}
        """

    @Test("the whole report of the shipped model: every section, one file, nothing from elsewhere")
    func whole() throws {
        let folder = try TemporaryFolder()
        try folder.write(Self.log, to: "training_log.json")
        let output = folder.file("report.html")
        let result = try Command.run(
            "inspect", "--corpus", try Self.corpus(folder, texts: 3), "--context-length", "300", "--chunks", "2",
            "--measure", "perplexity", "--measure", "recall", "--lengths", "128", "--depths", "0,100", "--samples", "1",
            "--training-log", folder.file("training_log.json"), "--parts", folder.file("svg"), "--output", output,
            "--json")
        #expect(result.status == 0, "\(result.error)")
        #expect(result.error.isEmpty)
        let html = try String(contentsOfFile: output, encoding: .utf8)
        let reader = try #require(XMLReader.read(html), "not well-formed")
        #expect(
            reader.elements("section").map { $0.attributes["id"] }
                == ["summary", "words", "tokens", "layers", "memory", "cost", "recall", "training"])
        #expect(html.firstMatch(of: /https?:/) == nil)
        #expect(reader.elements.allSatisfy { $0.attributes["src"] == nil && $0.attributes["style"] == nil })
        #expect(reader.elements.allSatisfy { $0.attributes["href"]?.hasPrefix("#") ?? true })
        for text in ["windows", "random gates", "this model", "found", "KL divergence"] {
            #expect(reader.text.contains(text), "\(text)")
        }
        let report = try #require(try result.object()["report"]?.objectValue)
        #expect(report["tokens"] == .integer(300))
        let points = try #require(report["perplexity"]?.objectValue?["points"]?.arrayValue)
        let kinds = Set(points.compactMap { $0.objectValue?["kind"]?.stringValue })
        #expect(kinds == ["no_evict", "gate", "sliding_window", "random"])
        #expect(report["recall"]?.objectValue?["task"] == .string("recall"))
        let parts = try #require(report["parts"]?.arrayValue).compactMap(\.stringValue)
        #expect(
            parts.map { String($0.split(separator: "/").last ?? "") } == [
                "text.svg", "map.svg", "map-words.svg", "heads.svg", "memory.svg", "ratios.svg", "perplexity.svg",
                "divergence.svg", "recall.svg", "training-loss.svg", "training-eviction.svg",
            ])
        for part in parts {
            #expect(XMLReader.read(try String(contentsOfFile: part, encoding: .utf8)) != nil, "\(part)")
        }
        // Nothing is left of what was written beside it.
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 4)
    }

    @Test("its numbers are those of dms generate, and its words add up to them")
    func numbers() throws {
        let folder = try TemporaryFolder()
        let prompt = RecallTask(seed: 3).item(length: 600, depth: 0.4, number: 0).prompt
        try folder.write(prompt, to: "prompt.txt")
        let output = folder.file("report.html")
        let common = ["--precision", "fp32", "--json"]
        let result = try Command.run(
            ["inspect", "--prompt-file", folder.file("prompt.txt"), "--output", output] + common, input: [])
        #expect(result.status == 0, "\(result.error)")
        let report = try #require(try result.object()["report"]?.objectValue)
        // In the same passes, so that rounding is the same, too.
        let generated = try Command.run(
            ["generate", prompt, "--max-tokens", "1", "--prefill-chunk", "16"] + common, input: []
        ).object()
        let kv = try #require(report["kv"]?.objectValue)
        let expected = try #require(generated["kv"]?.objectValue)
        #expect(report["tokens"] == generated["prompt_tokens"])
        for key in [
            "dtype", "dense_bytes", "allocated_bytes", "live_bytes", "live_ratio", "byte_ratio", "decision_ratio",
        ] {
            #expect(kv[key] == expected[key], "\(key)")
        }
        // Masks of the page, counted per layer and head.
        let reader = try #require(XMLReader.read(try String(contentsOfFile: output, encoding: .utf8)))
        var stored = [[Int64]](repeating: [0, 0], count: 4)
        let masks = reader.elements("span").compactMap { $0.attributes["data-h"] }
        #expect(masks.count == 599)
        for mask in masks {
            for stream in 0..<8 {
                let digit = Array(mask)[stream / 4].hexDigitValue ?? 0
                if digit >> (stream % 4) & 1 == 1 { stored[stream / 2][stream % 2] += 1 }
            }
        }
        #expect(report["stored_tokens"] == .array(stored.map { .array($0.map { .integer($0) }) }))
        let live = stored.joined().reduce(0, +)
        // Keys and values of 32 numbers of 4 bytes.
        #expect(kv["live_bytes"] == .integer(live * 2 * 32 * 4))
        #expect(kv["live_ratio"]?.doubleValue == Double(599 * 8) / Double(live))
    }

    @Test("without a text the shipped model reads its own, and the password is framed and remembered")
    func demonstration() throws {
        let folder = try TemporaryFolder()
        let output = folder.file("report.html")
        let result = try Command.run("inspect", "--output", output, "--seed", "1")
        #expect(result.status == 0, "\(result.error)")
        #expect(result.output.hasPrefix("\(output): 999 tokens of a text of the recall task"))
        let reader = try #require(XMLReader.read(try String(contentsOfFile: output, encoding: .utf8)))
        let marked = reader.elements("span").filter { $0.attributes["class"]?.hasSuffix(" m") == true }
        #expect(marked.count == 1)
        #expect(marked.first?.attributes["title"]?.contains("no head") == false)
    }

    @Test("a model without gates has a report, too; one without the words of the task gets plain needles")
    func plain() throws {
        let model = try TinyFolder()
        let output = model.folder.file("report.html")
        let result = try Command.run(
            "inspect", "--model", model.path, "--output", output, "--measure", "recall", "--lengths", "400", "--depths",
            "50", "--samples", "1", "--json", input: "some text\n<script>alert(1)</script>")
        #expect(result.status == 0, "\(result.error)")
        let report = try #require(try result.object()["report"]?.objectValue)
        #expect(report["recall"]?.objectValue?["task"] == .string("needle"))
        #expect(report["text"] == .string("standard input"))
        let html = try String(contentsOfFile: output, encoding: .utf8)
        let reader = try #require(XMLReader.read(html))
        #expect(reader.elements("script").count == 1)
        #expect(html.contains("a model without gates keeps everything"))
    }

    @Test("what cannot be read or written is named, and leaves nothing")
    func failures() throws {
        let model = try TinyFolder(dms: TinyFolder.metadata(window: 8))
        let output = model.folder.file("report.html")
        for (arguments, message) in [
            (["--output", "/nonexistent/r.html", "--prompt", "a"], "/nonexistent/r.html"),
            (["--output", output, "--prompt-file", "/nonexistent/p"], "/nonexistent/p"),
            (["--output", output, "--corpus", "/nonexistent/c"], "/nonexistent/c"),
            (["--output", output, "--prompt", "a", "--training-log", "/nonexistent/l"], "/nonexistent/l"),
            (["--output", output, "--prompt", "a", "--parts", "/nonexistent/x/y"], "/nonexistent/x/y"),
            (["--output", output, "--prompt", String(repeating: "word ", count: 2000)], "tokens: required 1 to 4096"),
        ] {
            let result = try Command.run(["inspect", "--model", model.path] + arguments, input: [])
            #expect(result.status == 1)
            #expect(result.output.isEmpty)
            #expect(result.error.hasPrefix("dms: error: ") && result.error.contains(message), "\(result.error)")
            #expect(!FileManager.default.fileExists(atPath: output))
        }
    }
}
