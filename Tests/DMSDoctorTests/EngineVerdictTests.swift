import DMSCheckpoint
import DMSDoctor
import DMSJSON
import DMSTestSupport
import Testing

/// What `Scripts/compare-verdicts.py` has seen Transformers do, and what FastDMS' sources say.
@Suite("Verdicts about engines")
struct EngineVerdictTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let transformers: EngineVerdict.Outcome
        let fastdms: EngineVerdict.Outcome
        var says = ""
        let apply: @Sendable (PatientFolder) throws -> Void
        var testDescription: String { name }
    }

    private static func metadata(
        _ name: String, _ fastdms: EngineVerdict.Outcome, says: String, _ key: String, _ value: JSONValue?
    ) -> Case {
        Case(name: name, transformers: .differs, fastdms: fastdms, says: says) { patient in
            try patient.change("dms_metadata.json") { $0[key] = value }
        }
    }

    static let cases: [Case] = [
        Case(name: "no metadata", transformers: .loads, fastdms: .refuses, says: "no dms_metadata.json") {
            try $0.remove("dms_metadata.json")
        },
        Case(name: "metadata in config.json", transformers: .differs, fastdms: .loads, says: "from config.json") {
            patient in
            try patient.remove("dms_metadata.json")
            try patient.change("config.json") { config in
                for (key, value) in [("window_size", 8), ("alpha_scale", 100), ("alpha_offset", 5)] {
                    config["dms_\(key)"] = .integer(Int64(value))
                }
            }
        },
        metadata("the next token decides", .differs, says: "the next one does", "decision_shift", .integer(1)),
        metadata(
            "another zeroing", .differs, says: "before_and_after_rope", "zero_channel", .string("before_and_after_rope")
        ),
        metadata("another channel", .differs, says: "channel 3", "channel", .integer(3)),
        metadata("the last channel by its number", .loads, says: "window 8", "channel", .integer(7)),
        metadata("an exclusive window", .differs, says: "edge", "window_inclusive", .bool(false)),
        metadata("the other profile", .differs, says: "the next one does", "profile", .string("nvidia")),
        Case(name: "values beside a nested object", transformers: .differs, fastdms: .differs, says: "window is 256") {
            try $0.change("dms_metadata.json") { $0["config"] = .object(JSONObject(["alpha_scale": .integer(100)])) }
        },
        Case(name: "a layer too few", transformers: .differs, fastdms: .differs, says: "memory as it happens to be") {
            try $0.change("config.json") { $0["num_hidden_layers"] = .integer(3) }
        },
        Case(name: "a layer too many", transformers: .differs, fastdms: .refuses, says: "no parameter") {
            try $0.change("config.json") { $0["num_hidden_layers"] = .integer(1) }
        },
        Case(name: "another vocabulary", transformers: .refuses, fastdms: .refuses, says: "shape") {
            try $0.change("config.json") { $0["vocab_size"] = .integer(263) }
        },
        Case(name: "a pointer", transformers: .refuses, fastdms: .refuses, says: "LFS") {
            try $0.folder.write(Breakage.pointer, to: "model.safetensors")
        },
        Case(name: "no stated type", transformers: .differs, fastdms: .refuses, says: "torch_dtype") {
            try $0.change("config.json") { $0["torch_dtype"] = nil }
        },
        Case(name: "a sliding window", transformers: .differs, fastdms: .loads) {
            try $0.change("config.json") { $0["sliding_window"] = .integer(16) }
        },
        Case(name: "gates of zeros", transformers: .loads, fastdms: .loads) { patient in
            try patient.changeWeights { header, data in
                for layer in 0..<2 { for head in 0..<2 { PatientFolder.silence(layer, head, header, &data) } }
            }
            try patient.stamp()
        },
    ]

    @Test("Each engine by its own rules", arguments: cases)
    func engines(_ example: Case) throws {
        let patient = try PatientFolder()
        try example.apply(patient)
        let diagnosis = patient.diagnosis()
        let transformers = try #require(diagnosis[.transformers])
        let fastdms = try #require(diagnosis[.fastdms])
        #expect(transformers.outcome == example.transformers, "\(transformers)")
        #expect(fastdms.outcome == example.fastdms, "\(fastdms)")
        if !example.says.isEmpty { #expect(fastdms.summary.contains(example.says), "\(fastdms)") }
    }

    @Test("An index that Transformers does not read")
    func index() throws {
        let patient = try PatientFolder(shards: 2)
        try patient.change("model.safetensors.index.json") { $0["metadata"] = nil }
        #expect(patient.diagnosis()[.transformers]?.outcome == .refuses)
        #expect(patient.diagnosis()[.fastdms]?.outcome == .loads)
    }

    @Test("Adapters belong to the model here, and to no other engine's")
    func adapters() throws {
        let patient = try PatientFolder(adapters: true)
        #expect(patient.complaints().isEmpty)
        let verdicts = patient.diagnosis().verdicts
        let transformers = try #require(verdicts.first { $0.engine == .transformers })
        #expect(transformers.outcome == .differs)
        #expect(transformers.notes.contains { $0.contains("ignores") && $0.contains("dms_proj_alpha") })
        let fastdms = try #require(verdicts.first { $0.engine == .fastdms })
        #expect(fastdms.outcome == .refuses && fastdms.summary.contains("no parameter"))
        // What else is wrong with the metadata says nothing about the tensors.
        try patient.change("dms_metadata.json") { $0["windowsize"] = .integer(3) }
        #expect(!patient.complaints().contains { $0.found.contains("a tensor of shape") })
    }
}
