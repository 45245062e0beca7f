import DMSJSON
import DMSTestSupport
import Foundation
import Testing

@Suite("dms quantize")
struct QuantizeCommandTests {
    /// A model whose layers have inputs in multiples of 32.
    private static func model(dms: Bool = true) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        var checkpoint = TinyCheckpoint()
        checkpoint.hidden = 64
        checkpoint.heads = 8
        checkpoint.feedForward = 96
        checkpoint.vocabulary = ByteTokenizer.vocabulary.count
        checkpoint.dtype = "BF16"
        try checkpoint.write(to: folder.path)
        try folder.write(JSONValue.object(ByteTokenizer.file).text(), to: "tokenizer.json")
        if dms {
            try folder.write(JSONValue.object(TinyFolder.metadata(window: 8)).text(), to: "dms_metadata.json")
        }
        return folder
    }

    @Test("every verb that runs a model takes the copy, and training refuses it by name")
    func verbs() throws {
        let model = try Self.model()
        let output = model.file("integers")
        let made = try Command.run(
            "quantize", "--model", model.path, "--output", output, "--weights", "int4", "--group-size", "32", "--json"
        ).object()
        #expect(made["layers"] == .integer(15) && made["group_size"] == .integer(32))
        #expect((made["bytes"]?.integerValue ?? .max) < (made["source_bytes"]?.integerValue ?? 0))
        for precision in ["fp32", "bf16", "int8"] {
            let generated = try Command.run(
                "generate", "hello", "--model", output, "--max-tokens", "4", "--precision", precision, "--json"
            ).object()
            #expect(generated["token_ids"]?.arrayValue?.isEmpty == false)
        }
        let corpus = model.file("corpus.txt")
        try model.write(String(repeating: "some words to score. ", count: 40), to: "corpus.txt")
        let finer = model.file("finer")
        _ = try Command.run(
            "quantize", "--model", model.path, "--output", finer, "--weights", "int8", "--group-size", "32")
        let coarser = model.file("coarser")
        let coarse = try Command.run(
            "quantize", "--model", model.path, "--output", coarser, "--weights", "int4", "--head-weights", "int4",
            "--group-size", "32", "--json"
        ).object()
        #expect(coarse["head_weights"] == .string("int4") && made["head_weights"] == .string("int8"))
        // The head's codes are half as many bytes.
        let head = Int64(64 * ByteTokenizer.vocabulary.count) / 2
        let saved = (made["bytes"]?.integerValue ?? 0) - (coarse["bytes"]?.integerValue ?? 0)
        #expect(abs(saved - head) < 256, "\(saved) and not \(head)")
        let divergences = try [output, finer, coarser].map { path in
            let scores = try Command.run(
                "eval", "--model", path, "--base", model.path, "--corpus", corpus, "--chunk-length", "64",
                "--no-evict", "--precision", "fp32", "--json"
            ).object()
            return try #require(scores["kld"]?.doubleValue)
        }
        // A step of 8 bits is a sixteenth of one of 4, and divergence goes with its square.
        #expect(divergences[1] > 0 && divergences[1] * 20 < divergences[0])
        #expect(divergences[2] > divergences[0])
        let inspected = try Command.run("inspect", "--model", output, "--json").object()
        #expect(inspected["quantization"]?.objectValue?["format"] == .string("pack-quantized"))
        #expect(inspected["dms"]?.objectValue?["weights_sha256"]?.objectValue?["verified"] == .bool(true))
        // The parameters of the model, not the numbers in its files, and the head once more.
        let plain = try Command.run("inspect", "--model", model.path, "--json").object()
        #expect(
            inspected["parameters"]?.integerValue
                == (plain["parameters"]?.integerValue ?? 0) + Int64(64 * ByteTokenizer.vocabulary.count))
        #expect(try Command.run("inspect", "--model", output).output.contains("int4 in groups of 32"))
        let measured = try Command.run(
            "bench", "--model", output, "--context", "16", "--generate", "2", "--json"
        ).object()
        let run = measured["runs"]?.arrayValue?.first?.objectValue
        #expect(run?["weights"] == .string("int4") && run?["weight_group_size"] == .integer(32))
        try model.write("{\"text\": \"words\"}\n", to: "corpus.jsonl")
        let base = try Self.model(dms: false)
        let copy = base.file("integers")
        _ = try Command.run(
            "quantize", "--model", base.path, "--output", copy, "--weights", "int8", "--group-size", "32")
        let trained = try Command.run(
            "retrofit", "--model", copy, "--corpus", model.file("corpus.jsonl"), "--output", model.file("trained"))
        #expect(trained.status == 1)
        #expect(trained.error.contains("quantization_config") && trained.error.contains("dms quantize"))
    }

    @Test("wrong options are refused with exit 64, wrong folders with exit 1")
    func refusals() throws {
        let model = try Self.model()
        let output = model.file("integers")
        for arguments in [
            ["--weights", "int3"], ["--weights", "int4", "--group-size", "16"], [],
            ["--weights", "int8", "--head-weights", "bf16"], ["--weights", "int8", "--scale", "guess"],
            ["--weights", "int8", "--threads", "0"],
        ] {
            let result = try Command.run(
                ["quantize", "--model", model.path, "--output", output] + arguments, input: [])
            #expect(result.status == 64, "\(arguments)")
        }
        // 96 inputs are no multiple of the default.
        let result = try Command.run("quantize", "--model", model.path, "--output", output, "--weights", "int8")
        #expect(result.status == 1)
        #expect(result.error.contains("down_proj") && result.error.contains("groups of 32"))
        #expect(!FileManager.default.fileExists(atPath: output))
    }

    @Test("dms bench measures random weights of integers", arguments: ["int8", "int4"])
    func bench(type: String) throws {
        func bytes(_ weights: String, _ more: String...) throws -> Int64 {
            let object = try Command.run(
                ["bench", "--shape", "tiny", "--context", "16", "--generate", "2", "--weights", weights, "--json"]
                    + more,
                input: []
            ).object()
            let run = object["runs"]?.arrayValue?.first?.objectValue
            #expect(run?["weights"] == .string(weights))
            #expect((run?["decode_tokens_per_second"]?.doubleValue ?? 0) > 0)
            return try #require(object["weight_bytes_per_step"]?.integerValue)
        }
        // A scale of two bytes for 64 weights; with int4 the head, 128000 of 422912 weights, has 8 bits.
        let (layers, head): (Double, Double) = (294_912, 128_000)
        let integers: Double = type == "int8" ? 66 * layers + 66 * head : 34 * layers + 66 * head
        let expected: Double = integers / (128 * (layers + head))
        let ratio = Double(try bytes(type)) / Double(try bytes("bf16"))
        #expect(abs(ratio - expected) < 0.02)
        #expect(try bytes(type) - bytes(type, "--head-weights", "int4") == 64_000)
        let refused = try Command.run("bench", "--shape", "tiny", "--weights", "bf16", "--head-weights", "int4")
        #expect(refused.status == 64 && refused.error.contains("--head-weights"))
    }
}
