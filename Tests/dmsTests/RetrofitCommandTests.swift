import DMSJSON
import DMSTestSupport
import Foundation
import Testing

@Suite("dms retrofit and dms pretrain")
struct RetrofitCommandTests {
    private func corpus(_ folder: TemporaryFolder, words: Int = 800) throws -> String {
        var generator = SeededGenerator(seed: 3)
        let text = (0..<words).map { _ in "word\(generator.next() % 50)" }.joined(separator: " ")
        try folder.write(text, to: "text.txt")
        return folder.file("text.txt")
    }

    private func arguments(_ model: String, _ corpus: String, _ output: String) -> [String] {
        [
            "retrofit", "--model", model, "--corpus", corpus, "--output", output, "--context-length", "64", "--window",
            "8", "--zeroing-steps", "2", "--steps-per-ratio", "1", "--target-ratio", "4", "--gradient-accumulation",
            "1",
            "--learning-rate", "1e-3", "--json",
        ]
    }

    @Test("A base model becomes a checkpoint that evaluates and generates")
    func retrofit() throws {
        let base = try TinyFolder()
        let folder = try TemporaryFolder()
        let text = try corpus(folder)
        let result = try Command.run(arguments(base.path, text, folder.file("out")), input: [])
        #expect(result.status == 0, "\(result.error)")
        let report = try result.object()
        #expect(report["steps"] == .integer(5))
        #expect(report["last_step"]?.objectValue?["target_cr"]?.doubleValue == 4)
        let inspected = try Command.run("inspect", "--model", folder.file("out"), "--json")
        #expect(inspected.status == 0, "\(inspected.error)")
        let evaluated = try Command.run(
            "eval", "--model", folder.file("out"), "--base", base.path, "--corpus", text, "--chunk-length", "64",
            "--chunks", "2", "--json")
        #expect(evaluated.status == 0, "\(evaluated.error)")
        let nvidia = try Command.run(
            arguments(base.path, text, folder.file("nvidia")) + ["--profile", "nvidia", "--train", "gate"]
                + ["--zeroing-steps", "0"], input: [])
        #expect(nvidia.status == 0, "\(nvidia.error)")
        let metadata = try readJSON(folder.file("nvidia/dms_metadata.json")).objectValue
        #expect(metadata?["profile"] == .string("nvidia") && metadata?["decision_shift"] == .integer(1))
        // A finished model is not written over, and it is no base model.
        let again = try Command.run(arguments(base.path, text, folder.file("out")), input: [])
        #expect(again.status == 1 && again.error.contains("a finished model"), "\(again.error)")
        let twice = try Command.run(arguments(folder.file("out"), text, folder.file("other")), input: [])
        #expect(twice.status == 1 && twice.error.contains("required a base model"), "\(twice.error)")
    }

    @Test("What nobody sees in a text is said, and so are sequences beyond the model's positions")
    func notes() throws {
        let base = try TinyFolder(maximumPositions: 32)
        let folder = try TemporaryFolder()
        let plain = try String(contentsOfFile: corpus(folder), encoding: .utf8)
        try folder.write([0xEF, 0xBB, 0xBF] + Array("\(plain)\r\n".utf8), to: "marked.txt")
        let result = try Command.run(
            arguments(base.path, folder.file("marked.txt"), folder.file("out")), input: [])
        #expect(result.status == 0, "\(result.error)")
        for said in ["byte order mark", "CR LF", "the 32 positions"] {
            #expect(result.error.contains(said), "\(result.error)")
        }
    }

    @Test("Adapters beside a base that stays as it is")
    func adapters() throws {
        let base = try TinyFolder()
        let folder = try TemporaryFolder()
        let text = try corpus(folder)
        let common = [
            "retrofit", "--model", base.path, "--corpus", text, "--context-length", "64", "--window", "8",
            "--steps-per-ratio", "1", "--target-ratio", "4", "--gradient-accumulation", "1", "--learning-rate", "1e-2",
            "--profile", "nvidia", "--decision-source", "adapter", "--json",
        ]
        let output = folder.file("out")
        let result = try Command.run(common + ["--output", output], input: [])
        #expect(result.status == 0, "\(result.error)")
        // Nothing is borrowed, so there is nothing to zero.
        #expect(try result.object()["steps"] == .integer(3))
        let metadata = try #require(readJSON(output + "/dms_metadata.json").objectValue)
        #expect(metadata["decision_source"] == .string("adapter") && metadata["decision_shift"] == .integer(1))
        #expect(metadata["zero_channel"] == .string("none"))
        let config = try #require(readJSON(output + "/config.json").objectValue)
        #expect(config["dms_separate_alpha"] == .bool(true) && config["dms_initial_alpha_offset"]?.doubleValue == 5)
        for command in [
            [
                "eval", "--model", output, "--base", base.path, "--corpus", text, "--chunk-length", "64", "--chunks",
                "2",
            ],
            ["generate", "word1", "--model", output, "--max-tokens", "4"], ["inspect", "--model", output],
        ] {
            let ran = try Command.run(command + ["--json"], input: [])
            #expect(ran.status == 0, "\(command): \(ran.error)")
        }
        for wrong in [["--train", "all"], ["--zeroing-steps", "2"]] {
            let refused = try Command.run(common + ["--output", folder.file("b")] + wrong, input: [])
            #expect(refused.status == 64, "\(wrong): \(refused.error)")
        }
    }

    @Test("What cannot work is said at once")
    func refusals() throws {
        let base = try TinyFolder()
        let folder = try TemporaryFolder()
        let short = try corpus(folder, words: 3)
        let corpusError = try Command.run(arguments(base.path, short, folder.file("a")), input: [])
        #expect(corpusError.status == 1 && corpusError.error.contains("at least 64"), "\(corpusError.error)")
        let teacher = try TemporaryFolder()
        try TinyCheckpoint().write(to: teacher.path)
        let text = try corpus(folder)
        let vocabulary = try Command.run(
            arguments(base.path, text, folder.file("b")) + ["--teacher", teacher.path], input: [])
        #expect(vocabulary.status == 1 && vocabulary.error.contains("vocabulary"), "\(vocabulary.error)")
        for wrong in [
            ["--target-ratio", "1"], ["--window", "-1"], ["--compression-loss", "l3"], ["--learning-rate", "nan"],
            ["--train", "gate"], ["--head-cap", "2"], ["--profile", "other"], ["--batch-size", "0"],
        ] {
            let result = try Command.run(arguments(base.path, text, folder.file("c")) + wrong, input: [])
            #expect(result.status == 64, "\(wrong): \(result.status) \(result.error)")
        }
        let full = try Command.run(arguments(base.path, text, "/dev/full/out"), input: [])
        #expect(full.status == 1 && full.error.contains("/dev/full"), "\(full.error)")
    }

    @Test("A base model from scratch, interrupted and taken up again")
    func pretrain() throws {
        let shape = try TinyFolder()
        let folder = try TemporaryFolder()
        let text = try corpus(folder)
        func run(_ output: String, _ extra: [String]) throws -> Command.Result {
            try Command.run(
                [
                    "pretrain", "--config", shape.path + "/config.json", "--tokenizer", shape.path + "/tokenizer.json",
                    "--corpus", text, "--output", output, "--steps", "4", "--context-length", "64", "--json",
                ] + extra, input: [])
        }
        let result = try run(folder.file("out"), [])
        #expect(result.status == 0, "\(result.error)")
        let generated = try Command.run(
            "generate", "word", "--model", folder.file("out"), "--max-tokens", "4", "--json")
        #expect(generated.status == 0, "\(generated.error)")
        let onwards = try run(folder.file("onwards"), ["--initial", folder.file("out")])
        #expect(onwards.status == 0, "\(onwards.error)")
        // Nothing to go on from is a run from the beginning, with the same bits.
        let resumed = try run(folder.file("again"), ["--resume"])
        #expect(resumed.status == 0, "\(resumed.error)")
        let left = try Data(contentsOf: URL(fileURLWithPath: folder.file("out/model.safetensors")))
        let right = try Data(contentsOf: URL(fileURLWithPath: folder.file("again/model.safetensors")))
        #expect(left == right)
    }
}
