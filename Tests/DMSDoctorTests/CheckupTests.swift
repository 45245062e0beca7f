import DMSCheckpoint
import DMSDoctor
import DMSJSON
import DMSTestSupport
import DMSTokenizer
import Testing

@Suite("A checkup of a folder")
struct CheckupTests {
    @Test(
        "Nothing is wrong with a healthy folder, in one file or in shards, read or not", arguments: [1, 2],
        [false, true])
    func healthy(shards: Int, isQuick: Bool) throws {
        let diagnosis = try PatientFolder(shards: shards).diagnosis(isQuick: isQuick)
        #expect(diagnosis.findings.filter { $0.severity != .ok } == [])
        #expect(diagnosis.isSound)
        #expect(diagnosis[.dms]?.outcome == .loads)
        #expect(diagnosis[.fastdms]?.outcome == .loads)
        // It keeps what is evicted here.
        #expect(diagnosis[.transformers]?.outcome == .differs)
        let checked = Set(diagnosis.findings.map(\.check))
        #expect(checked.contains(.values) != isQuick)
        #expect(checked.contains(.gates) != isQuick)
    }

    @Test(
        "Each breakage is found, and nothing else",
        arguments: Breakage.ofConfiguration + Breakage.ofTexts + Breakage.ofFiles + Breakage.ofTensors
            + Breakage.ofMetadata)
    func broken(_ breakage: Breakage) throws {
        let patient = try PatientFolder(shards: breakage.shards)
        try breakage.apply(patient)
        let diagnosis = patient.diagnosis()
        let complaints = diagnosis.findings.filter { $0.severity != .ok }
        #expect(complaints.count == 1, "\(complaints)")
        let finding = try #require(complaints.first)
        #expect(finding.severity == breakage.severity)
        #expect(finding.check == breakage.check)
        #expect(finding.file == breakage.file)
        #expect(finding.subject == breakage.subject)
        #expect(finding.found.contains(breakage.found), "\(finding)")
        #expect(!finding.required.isEmpty && !finding.advice.isEmpty)
        #expect(diagnosis.isSound == (breakage.severity != .problem))
        // What this package refuses is a problem, and warnings keep it from nothing.
        if diagnosis[.dms]?.outcome == .refuses { #expect(breakage.severity == .problem) }
        #expect(diagnosis[.dms]?.outcome == Self.own(patient))
    }

    /// What the readers of this package do with a folder.
    private static func own(_ patient: PatientFolder) -> EngineVerdict.Outcome {
        do {
            let directory = try ModelDirectory.open(path: patient.path)
            try directory.validateWeights()
            _ = try directory.dmsMetadata()
            let verdict = patient.diagnosis()[.dms]
            // Tokenizers are read elsewhere; their errors name their file.
            return verdict?.summary.contains("tokenizer.json") == true ? .refuses : .loads
        } catch {
            return .refuses
        }
    }

    @Test("A number of heads beyond all bounds is one of the findings", arguments: [Int64.max, 1 << 56, 1 << 20])
    func hostileHeads(count: Int64) throws {
        let patient = try PatientFolder()
        try patient.change("config.json") { config in
            config["num_attention_heads"] = .integer(count)
            config["hidden_size"] = nil
        }
        let keys = patient.complaints().filter { $0.check == .configuration }.map(\.subject)
        #expect(keys.contains(.key("num_attention_heads")) && keys.contains(.key("hidden_size")), "\(keys)")
    }

    @Test("What a family has to state, and does not, hides nothing else")
    func familyKeys() throws {
        let patient = try PatientFolder()
        try patient.change("config.json") { config in
            config["model_type"] = .string("mistral")
            config["architectures"] = .array([.string("MistralForCausalLM")])
            config["sliding_window"] = .integer(16)
            config["hidden_act"] = .string("gelu")
        }
        let diagnosis = patient.diagnosis()
        let keys = diagnosis.findings.filter { $0.severity != .ok }.map(\.subject)
        #expect(keys.contains(.key("sliding_window")) && keys.contains(.key("hidden_act")), "\(keys)")
        #expect(diagnosis.findings.contains { $0.check == .tensors && $0.severity == .ok })
    }

    @Test("Many breakages are all found")
    func all() throws {
        let patient = try PatientFolder()
        try patient.change("config.json") { config in
            config["sliding_window"] = .integer(16)
            config["hidden_act"] = .string("gelu")
            config["magic"] = .integer(1)
            config["rope_scaling"] = .object(JSONObject(["rope_type": .string("yarn")]))
        }
        try patient.change("dms_metadata.json") { metadata in
            metadata["windowsize"] = .integer(8)
            metadata["window_size"] = nil
            metadata["alpha_scale"] = .string("x")
            metadata["alpha_offset"] = nil
        }
        try patient.folder.write(#"{"top_p": 2, "top_k": -1}"#, to: "generation_config.json")
        try patient.changeWeights { header, data in
            header["model.norm.weight"] = PatientFolder.entry(
                "I16", [24], PatientFolder.offsets(header, "model.norm.weight"))
            header["model.extra"] = PatientFolder.entry("BF16", [2], data.count..<data.count + 4)
            data += [0, 0, 0xC0, 0x7F]
        }
        let found = patient.complaints().map { finding in
            "\(finding.file) \(finding.subject.map { "\($0)" } ?? "")"
        }
        #expect(
            Set(found) == [
                #"config.json key "sliding_window""#, #"config.json key "hidden_act""#, #"config.json key "magic""#,
                #"config.json key "rope_scaling.rope_type""#, #"generation_config.json key "top_p""#,
                #"generation_config.json key "top_k""#, #"model.safetensors tensor "model.norm.weight""#,
                #"model.safetensors tensor "model.extra""#, #"dms_metadata.json key "windowsize""#,
                #"dms_metadata.json key "window_size""#, #"dms_metadata.json key "alpha_scale""#,
                #"dms_metadata.json key "alpha_offset""#,
            ])
        // The tensor too many is also one that is not finite.
        #expect(found.count == 13)
    }

    @Test("All that is wrong with one header")
    func header() throws {
        let patient = try PatientFolder()
        try patient.changeWeights { header, _ in
            for name in ["model.norm.weight", "model.layers.0.input_layernorm.weight"] {
                header[name] = PatientFolder.entry("BF17", [24], PatientFolder.offsets(header, name))
            }
        }
        #expect(patient.complaints().count == 2)
    }

    @Test("A folder that is none")
    func nowhere() throws {
        let diagnosis = Checkup(path: try TemporaryFolder().path + "/none").run()
        #expect(diagnosis.findings.map(\.check) == [.folder])
        #expect(!diagnosis.isSound)
        #expect(diagnosis.verdicts.allSatisfy { $0.outcome == .refuses })
    }

    @Test("Progress ends where the weights end")
    func progress() throws {
        let patient = try PatientFolder(shards: 2)
        var last = (0, -1)
        _ = Checkup(path: patient.path).run { done, total in
            #expect(done >= last.0)
            last = (done, total)
        }
        #expect(last.0 == last.1)
        #expect(last.1 == (try WeightsDigest(directory: patient.path).byteCount))
    }

    @Test("Further checks see what was read, and are part of the diagnosis")
    func further() throws {
        let check = FurtherCheck { subject in
            [
                Finding(
                    .problem, .chat, file: "x",
                    found:
                        "\(subject.endOfTextIDs) \(subject.tokenizer?.vocabularySize ?? 0) \(subject.folder.has("x"))")
            ]
        }
        let patient = try PatientFolder()
        let diagnosis = Checkup(path: patient.path, further: [check]).run()
        withExtendedLifetime(patient) {}
        #expect(diagnosis.findings.last?.found == "[1] 262 false")
        #expect(!diagnosis.isSound)
    }

    @Test("The object has every finding and every engine")
    func json() throws {
        let patient = try PatientFolder()
        try patient.change("config.json") { $0["sliding_window"] = .integer(16) }
        let object = patient.diagnosis().json
        #expect(object["sound"] == .bool(false))
        #expect(object["problems"] == .integer(1))
        let finding = object["findings"]?.arrayValue?.first?.objectValue
        #expect(finding?["key"] == .string("sliding_window"))
        #expect(finding?["severity"] == .string("problem"))
        #expect(object["engines"]?.arrayValue?.count == 3)
    }
}
