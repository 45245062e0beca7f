import DMSCache
import DMSCheckpoint
import DMSEngine
import DMSJSON
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import DMSTokenizer
import Testing

@Suite("Opening and running a checkpoint")
struct LoadedModelTests {
    private static func folder(metadata: JSONObject?) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        var checkpoint = TinyCheckpoint()
        checkpoint.vocabulary = ByteTokenizer.vocabulary.count
        try checkpoint.write(to: folder.path)
        try folder.write(JSONValue.object(ByteTokenizer.file).text(), to: "tokenizer.json")
        if let metadata { try folder.write(JSONValue.object(metadata).text(), to: "dms_metadata.json") }
        return folder
    }

    private static let metadata = JSONObject([
        "window_size": .integer(6), "alpha_scale": .number(100), "alpha_offset": .number(5), "target_cr": .integer(4),
        "context_len": .integer(64),
    ])

    private static func continuation(
        _ loaded: LoadedModel, _ prompt: [Int32], count: Int, chunk: Int, attention: any AttentionOperator
    ) throws -> [Int32] {
        let parameters = try GenerationParameters(maximumTokens: count, prefillChunk: chunk)
        var generator = try TokenGenerator(loaded.model, attention: attention, prompt: prompt, parameters: parameters)
        while try generator.next() != nil {}
        return generator.tokens
    }

    @Test("a folder gives graph, tokenizer and eviction; overrides count")
    func opens() throws {
        let kernels = try CPUKernels(threads: 1)
        let folder = try Self.folder(metadata: Self.metadata)
        let loaded = try LoadedModel(path: folder.path, precision: .fp32, kernels: kernels)
        #expect(loaded.model.dms?.rule.window == 6)
        #expect(loaded.dms?.contextLength == 64)
        #expect(loaded.tokenizer.vocabularySize == loaded.model.configuration.vocabularySize)
        let wider = try LoadedModel(
            path: folder.path, precision: .fp32, kernels: kernels, overrides: DMSOverrides(windowSize: 9))
        #expect(wider.model.dms?.rule.window == 9)
        let plainFolder = try Self.folder(metadata: nil)
        let plain = try LoadedModel(path: plainFolder.path, precision: .fp32, kernels: kernels)
        #expect(plain.model.dms == nil)
    }

    @Test("a folder without tokenizer or with bad metadata is refused by file")
    func refused() throws {
        let kernels = try CPUKernels(threads: 1)
        var metadata = Self.metadata
        metadata["alpha_scale"] = nil
        let folder = try Self.folder(metadata: metadata)
        let error = #expect(throws: CheckpointError.self) {
            try LoadedModel(path: folder.path, precision: .fp32, kernels: kernels)
        }
        #expect("\(error as Any)".contains("dms_metadata.json"))
        let bare = try TemporaryFolder()
        try TinyCheckpoint().write(to: bare.path)
        #expect(throws: (any Error).self) { try LoadedModel(path: bare.path, precision: .fp32, kernels: kernels) }
    }

    @Test("continuing over the compact cache equals continuing over the strict mask", arguments: [1, 4, 64])
    func evicts(chunk: Int) throws {
        let folder = try Self.folder(metadata: Self.metadata)
        let loaded = try LoadedModel(path: folder.path, precision: .fp32, kernels: try CPUKernels(threads: 1))
        let prompt = loaded.tokenizer.encode("hello there, said the cache, and forgot what it had heard")
        let strict = DenseAttention(strictMaskOf: loaded.model)
        let compact = CompactAttention(serving: loaded.model)
        let expected = try Self.continuation(loaded, prompt, count: 40, chunk: 512, attention: strict)
        #expect(try Self.continuation(loaded, prompt, count: 40, chunk: chunk, attention: compact) == expected)
        let report = compact.report()
        #expect(report.liveTokenHeads < report.seenTokenHeads)
        // Eviction matters here: without it the text is another.
        let dense = DenseAttention(loaded.model)
        #expect(try Self.continuation(loaded, prompt, count: 40, chunk: 512, attention: dense) != expected)
    }

    @Test(
        "golden continuations with eviction, for the three treatments of the borrowed channel",
        .enabled(if: SharedFiles.areAvailable),
        arguments: [
            ("keep", ChannelZeroing.none), ("zero_before_rope", .beforeRope),
            ("zero_before_and_after_rope", .beforeAndAfterRope),
        ])
    func golden(name: String, zeroing: ChannelZeroing) throws {
        let greedy = try readJSON(SharedFiles.path("fixtures/dms_strict.json")).objectValue?["greedy"]?.objectValue
        func ids(_ value: JSONValue?) -> [Int32] {
            (value?.arrayValue ?? []).compactMap { $0.integerValue.map { Int32($0) } }
        }
        let prompt = ids(greedy?["prompt_ids"])
        let expected = ids(greedy?["conventions"]?.objectValue?[name]?.objectValue?["new_ids"])
        try #require(prompt.count == 256 && expected.count == 48)
        let loaded = try LoadedModel(
            path: SharedFiles.path("models/wiki-llama-8m-dms-synthetic"), precision: .fp32,
            kernels: try CPUKernels(threads: 2), overrides: DMSOverrides(zeroing: zeroing))
        for chunk in [37, 512] {
            let compact = CompactAttention(serving: loaded.model)
            let found = try Self.continuation(loaded, prompt, count: 48, chunk: chunk, attention: compact)
            #expect(found == expected)
        }
    }
}
