import DMSCheckpoint
import DMSJSON
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Foundation
import Testing

/// A converted checkpoint computes the bits of the one it was made from.
@Suite struct ConversionTests {
    /// What a checkpoint states, by its keys.
    private static func metadata(
        profile: String = "fastdms", shift: Int64 = 0, zeroing: String = "before_rope", window: Int64 = 4,
        inclusive: Bool = true
    ) -> JSONObject {
        JSONObject([
            "window_size": .integer(window), "alpha_scale": .number(100), "alpha_offset": .number(5),
            "target_cr": .integer(4), "context_len": .integer(512), "profile": .string(profile),
            "decision_shift": .integer(shift), "zero_channel": .string(zeroing), "window_inclusive": .bool(inclusive),
            "training": .object(JSONObject(["seed": .integer(1)])),
        ])
    }

    private static func make(
        _ metadata: JSONObject?, in folder: TemporaryFolder, _ edit: (inout TinyCheckpoint) -> Void = { _ in }
    ) throws -> String {
        let path = folder.file("source")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        var checkpoint = TinyCheckpoint()
        edit(&checkpoint)
        try checkpoint.write(to: path)
        if let metadata { try folder.write(JSONValue.object(metadata).text(), to: "source/dms_metadata.json") }
        return path
    }

    private static func open(_ path: String, precision: Precision = .fp32) throws -> LlamaModel {
        let directory = try ModelDirectory.open(path: path)
        let kernels = try CPUKernels(threads: 1)
        return try LlamaModel(
            configuration: directory.configuration,
            weights: try LlamaWeights(directory, precision: precision, kernels: kernels),
            dms: try directory.dmsMetadata()?.configuration, precision: precision, kernels: kernels)
    }

    private static func run(_ model: LlamaModel, dense: Bool = false) throws -> (logits: [[Float]], evictions: Int) {
        let recorder = Recorder()
        let found = try logits(
            model, randomTokens(33, vocabulary: 97, seed: 4), pieces: [20, 1, 1, 11],
            attention: dense ? DenseAttention(model) : DenseAttention(strictMaskOf: model),
            eviction: dense ? .off : .model, observer: recorder)
        return (found, recorder.decisions.values.joined().joined().count { $0 })
    }

    private static func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

    struct Variant: Sendable, CustomStringConvertible {
        var zeroing = "before_rope"
        var shift: Int64 = 0
        var bias = false
        var dtype = "F32"
        var shards = 1
        var precision = Precision.fp32
        var description: String { "\(zeroing), shift \(shift), bias \(bias), \(dtype) in \(shards), \(precision)" }
    }

    static let variants = [
        Variant(), Variant(zeroing: "none"), Variant(shift: 1, bias: true),
        Variant(dtype: "BF16", shards: 3, precision: .bf16),
        Variant(zeroing: "none", bias: true, dtype: "F16", shards: 2),
    ]

    @Test(arguments: variants) func adaptersReadWhatTheChannelsRead(_ variant: Variant) throws {
        let folder = try TemporaryFolder()
        let source = try Self.make(Self.metadata(shift: variant.shift, zeroing: variant.zeroing), in: folder) {
            $0.attentionBias = variant.bias
            $0.dtype = variant.dtype
            $0.shards = variant.shards
        }
        let output = folder.file("out")
        try CheckpointConversion(path: source, profile: nil, adapters: true).write(to: output)
        let before = try Self.run(try Self.open(source, precision: variant.precision))
        let converted = try Self.open(output, precision: variant.precision)
        let after = try Self.run(converted)
        #expect(before.evictions > 20 && before.evictions < 33 * 4 - 20, "a gate that says one thing shows nothing")
        #expect(after.evictions == before.evictions)
        #expect(after.logits == before.logits)
        #expect(converted.dms?.source == .adapter && converted.dms?.decisionShift == Int(variant.shift))
        // A silenced row is 0 for who knows nothing of gates, too.
        if variant.zeroing == "before_rope" {
            let directory = try ModelDirectory.open(path: output)
            let row = try #require(try directory.weights["model.layers.0.self_attn.q_proj.weight"]?.floats())
            #expect((0..<24).allSatisfy { row[7 * 24 + $0] == 0 && row[31 * 24 + $0] == 0 })
            let plain = try LlamaModel(
                configuration: converted.configuration, weights: converted.weights, dms: nil,
                precision: variant.precision, kernels: converted.kernels)
            let kept = try Self.run(try Self.open(source, precision: variant.precision), dense: true)
            #expect(try Self.run(plain, dense: true).logits == kept.logits)
        }
    }

    @Test func keysAreRestatedAndWeightsStay() throws {
        let folder = try TemporaryFolder()
        let source = try Self.make(
            Self.metadata(profile: "fastdms", shift: 1, zeroing: "before_and_after_rope", window: 5, inclusive: false),
            in: folder)
        let output = folder.file("out")
        try CheckpointConversion(path: source, profile: .nvidia, adapters: false).write(to: output)
        #expect(try Self.bytes(source + "/model.safetensors") == Self.bytes(output + "/model.safetensors"))
        #expect(try Self.run(try Self.open(output)).logits == Self.run(try Self.open(source)).logits)
        let config = try #require(readJSON(output + "/config.json").objectValue)
        #expect(config["dms_window_size"] == .integer(4) && config["dms_separate_alpha"] == .bool(false))
        #expect(config["dms_initial_alpha_offset"]?.doubleValue == 5)

        // Its own rules and nothing beside: as its own code would read it.
        var keys = JSONObject()
        for (key, value) in config.entries where !key.hasPrefix("dms_") { keys[key] = value }
        for key in ["dms_window_size", "dms_alpha_scale", "dms_initial_alpha_offset", "dms_separate_alpha"] {
            keys[key] = config[key]
        }
        try folder.write(JSONValue.object(keys).text(), to: "out/config.json")
        try FileManager.default.removeItem(atPath: output + "/dms_metadata.json")
        #expect(try Self.run(try Self.open(output)).logits == Self.run(try Self.open(source)).logits)
    }

    @Test func theSixPublishedKeysAreEnoughForFastDMS() throws {
        let folder = try TemporaryFolder()
        let source = try Self.make(
            Self.metadata(profile: "nvidia", zeroing: "before_rope", window: 6, inclusive: false), in: folder)
        let output = folder.file("out")
        try CheckpointConversion(path: source, profile: .fastdms, adapters: false).write(to: output)
        let written = try #require(readJSON(output + "/dms_metadata.json").objectValue)
        #expect(written["training"]?.objectValue?["seed"] == .integer(1))
        var six = JSONObject()
        for key in ["window_size", "alpha_scale", "alpha_offset", "target_cr", "context_len"] {
            six[key] = written[key]
        }
        #expect(six["window_size"] == .integer(5))
        try folder.write(JSONValue.object(six).text(), to: "out/dms_metadata.json")
        var config = try #require(readJSON(output + "/config.json").objectValue)
        for key in config.keys where key.hasPrefix("dms_") { config[key] = nil }
        try folder.write(JSONValue.object(config).text(), to: "out/config.json")
        #expect(try Self.run(try Self.open(output)).logits == Self.run(try Self.open(source)).logits)
    }

    @Test func whatIsNotExactIsRefused() throws {
        let cases: [(JSONObject?, SemanticsProfile?, Bool, String)] = [
            (Self.metadata(), .nvidia, false, "decision_shift"),
            (Self.metadata(shift: 1), .fastdms, false, "decision_shift"),
            (Self.metadata(shift: 1), .nvidia, false, "zero_channel"),
            (Self.metadata(zeroing: "none"), .fastdms, false, "zero_channel"),
            (Self.metadata(zeroing: "before_and_after_rope"), nil, true, "zero_channel"),
            (Self.metadata(), .fastdms, true, "decision_source"),
            (nil, .fastdms, false, "without DMS metadata"),
        ]
        for (metadata, profile, adapters, reason) in cases {
            let folder = try TemporaryFolder()
            let source = try Self.make(metadata, in: folder)
            let error = #expect(throws: CheckpointError.self) {
                try CheckpointConversion(path: source, profile: profile, adapters: adapters)
            }
            #expect(error?.description.contains(reason) == true, "\(error.map { "\($0)" } ?? "nothing")")
        }
        // A gate behind a norm of heads is no row times an input.
        let normed = try TemporaryFolder()
        let qwen3 = try Self.make(Self.metadata(), in: normed) { $0.isQwen3 = true }
        let error = #expect(throws: CheckpointError.self) {
            try CheckpointConversion(path: qwen3, profile: nil, adapters: true)
        }
        #expect(error?.description.contains("q_norm") == true)
        // An adapter is none of FastDMS's, and is none a second time.
        let folder = try TemporaryFolder()
        let source = try Self.make(nil, in: folder) { $0.adapters = true }
        #expect(throws: CheckpointError.self) {
            try CheckpointConversion(path: source, profile: .fastdms, adapters: false)
        }
        #expect(throws: CheckpointError.self) { try CheckpointConversion(path: source, profile: nil, adapters: true) }
        #expect(throws: Never.self) { try CheckpointConversion(path: source, profile: .nvidia, adapters: false) }
    }

    @Test func nothingIsWrittenOver() throws {
        let folder = try TemporaryFolder()
        let source = try Self.make(Self.metadata(), in: folder)
        let conversion = try CheckpointConversion(path: source, profile: .fastdms, adapters: false)
        #expect(throws: CheckpointError.self) { try conversion.write(to: source) }
        #expect(throws: CheckpointError.self) { try conversion.write(to: folder.file("no/such/folder")) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["source"])
    }
}
