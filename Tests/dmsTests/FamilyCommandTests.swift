import DMSJSON
import DMSTestSupport
import Foundation
import Testing

/// What a user can do with a model of every family, beside what Transformers made of the same files.
@Suite("model families")
struct FamilyCommandTests {
    @Test("perplexity and greedy tokens of Transformers", arguments: FamilyFixture.all)
    func scores(fixture: FamilyFixture) throws {
        let golden = try fixture.golden()
        let evaluated = try Command.run(
            "eval", "--model", fixture.path, "--corpus", FamilyFixture.corpus, "--chunk-length", "64", "--chunks", "4",
            "--precision", "fp32", "--kv-dtype", "fp32", "--json"
        ).object()
        let perplexity = try #require(golden["perplexity"]?.doubleValue)
        let found = try #require(evaluated["perplexity"]?.doubleValue)
        // A mean of 252 losses, each within 1e-4.
        #expect(abs(found / perplexity - 1) < 1e-4, "\(found) for \(perplexity)")
        for prompt in try #require(golden["prompts"]?.arrayValue).compactMap(\.objectValue) {
            let generated = try Command.run(
                "generate", try #require(prompt["text"]?.stringValue), "--model", fixture.path, "--max-tokens", "24",
                "--temperature", "0", "--ignore-eos", "--precision", "fp32", "--kv-dtype", "fp32", "--json"
            ).object()
            #expect(generated["token_ids"]?.tokenIDs == prompt["new_ids"]?.tokenIDs)
            #expect(generated["prompt_tokens"]?.integerValue == prompt["ids"]?.arrayValue.map { Int64($0.count) })
        }
    }

    @Test("a Qwen3 that evicts, through the cache and the strict mask", arguments: FamilyFixture.evicting)
    func evicts(fixture: FamilyFixture) throws {
        let model = try fixture.evictingCopy()
        let golden = try #require(fixture.golden()["dms"]?.objectValue)
        let evaluated = try Command.run(
            "eval", "--model", model.path, "--base", fixture.path, "--corpus", FamilyFixture.corpus, "--chunk-length",
            "64", "--chunks", "4", "--precision", "fp32", "--kv-dtype", "fp32", "--path", "both", "--prefill-chunk",
            "9",
            "--json"
        ).object()
        let perplexity = try #require(golden["perplexity"]?.doubleValue)
        let found = try #require(evaluated["perplexity"]?.doubleValue)
        #expect(abs(found / perplexity - 1) < 1e-4, "\(found) for \(perplexity)")
        #expect(evaluated["eviction_rate"]?.doubleValue == golden["eviction_rate"]?.doubleValue)
    }

    @Test("a Qwen3 is inspected, made integers of, and those evaluated")
    func quantized() throws {
        let model = try FamilyFixture("qwen3-tied").evictingCopy()
        let inspected = try Command.run("inspect", "--model", model.path, "--json").object()
        #expect(inspected["configuration"]?.objectValue?["family"] == .string("Qwen3"))
        #expect(inspected["ignored_keys"] == .array([]))
        for weights in ["int8", "int4"] {
            let output = model.file(weights)
            let made = try Command.run(
                "quantize", "--model", model.path, "--output", output, "--weights", weights, "--group-size", "32",
                "--json"
            ).object()
            // Seven layers in each of two, and the head; no norm is among them.
            #expect(made["layers"] == .integer(15))
            let scores = try Command.run(
                "eval", "--model", output, "--base", model.path, "--corpus", FamilyFixture.corpus, "--chunk-length",
                "64", "--chunks", "2", "--no-evict", "--precision", "fp32", "--json"
            ).object()
            let divergence = try #require(scores["kld"]?.doubleValue)
            #expect(divergence > 0 && divergence < (weights == "int8" ? 0.01 : 1), "\(divergence)")
        }
    }

    @Test("a Qwen3 is taught to evict, and what comes out is one")
    func retrofitted() throws {
        let fixture = FamilyFixture("qwen3")
        let folder = try TemporaryFolder()
        let output = folder.file("out")
        let trained = try Command.run(
            "retrofit", "--model", fixture.path, "--corpus", FamilyFixture.corpus, "--output", output,
            "--context-length", "64", "--window", "8", "--zeroing-steps", "2", "--steps-per-ratio", "1",
            "--target-ratio", "3", "--gradient-accumulation", "1", "--learning-rate", "1e-3", "--json")
        #expect(trained.status == 0, "\(trained.error)")
        let inspected = try Command.run("inspect", "--model", output, "--json").object()
        #expect(inspected["configuration"]?.objectValue?["family"] == .string("Qwen3"))
        #expect(inspected["dms"]?.objectValue?["weights_sha256"]?.objectValue?["verified"] == .bool(true))
        let evaluated = try Command.run(
            "eval", "--model", output, "--base", fixture.path, "--corpus", FamilyFixture.corpus, "--chunk-length", "64",
            "--chunks", "2", "--precision", "fp32", "--path", "both", "--json"
        ).object()
        #expect(evaluated["perplexity"]?.doubleValue != nil)
        #expect(
            try #require(evaluated["paths"]?.objectValue?["max_logprob_difference"]?.doubleValue) < 1e-3)
    }

    @Test("a Qwen3 is trained from nothing")
    func pretrained() throws {
        let fixture = FamilyFixture("qwen3-tied")
        let folder = try TemporaryFolder()
        let trained = try Command.run(
            "pretrain", "--config", fixture.path + "/config.json", "--tokenizer", fixture.path + "/tokenizer.json",
            "--corpus", FamilyFixture.corpus, "--output", folder.file("out"), "--context-length", "64", "--steps", "3",
            "--gradient-accumulation", "1", "--json")
        #expect(trained.status == 0, "\(trained.error)")
        let evaluated = try Command.run(
            "eval", "--model", folder.file("out"), "--corpus", FamilyFixture.corpus, "--chunk-length", "64", "--json"
        ).object()
        #expect(evaluated["perplexity"]?.doubleValue != nil)
    }

    @Test("the list of families, from the table that models are looked up in")
    func families() throws {
        let listed = try Command.run("inspect", "--families", "--json").object()
        let entries = try #require(listed["families"]?.arrayValue).compactMap(\.objectValue)
        #expect(entries.map { $0["model_type"]?.stringValue } == ["llama", "mistral", "qwen3"])
        #expect(try Command.run("inspect", "--families").output.contains("Qwen3ForCausalLM"))
        let contradiction = try Command.run("inspect", "--families", "--model", "x")
        #expect(contradiction.status == 64 && contradiction.error.contains("--families"))
    }
}
