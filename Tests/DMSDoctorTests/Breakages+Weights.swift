import DMSCheckpoint
import DMSDoctor
import DMSJSON
import DMSTestSupport

extension Breakage {
    private static let single = "model.safetensors"
    private static let index = "model.safetensors.index.json"
    private static let norm = "model.norm.weight"
    private static let query = "model.layers.0.self_attn.q_proj.weight"

    /// A breakage of the one file of weights that leaves it well-formed; the metadata are of the new weights.
    private static func weights(
        _ name: String, severity: Finding.Severity = .problem, _ check: Finding.Check, _ file: String = single,
        _ subject: CheckpointError.Subject? = nil, found: String, isWhole: Bool = true,
        _ change: @escaping @Sendable (inout JSONObject, inout [UInt8]) -> Void
    ) -> Breakage {
        Breakage(name, severity: severity, check, file, subject, found: found) { patient in
            try patient.changeWeights { change(&$0, &$1) }
            if isWhole { try patient.stamp() }
        }
    }

    static let ofFiles: [Breakage] = [
        Breakage("no weights", .weights, ".", found: "no weights") { try $0.remove(single) },
        Breakage("a truncated file", .weights, single, .tensor(norm), found: "data_offsets") { patient in
            try patient.folder.write(Array(patient.bytes(single).dropLast(6)), to: single)
        },
        Breakage("bytes behind the end", .weights, single, found: "bytes of data") { patient in
            try patient.folder.write(patient.bytes(single) + [1, 2, 3, 4], to: single)
        },
        Breakage("an empty file", .weights, single, found: "0 bytes") { try $0.folder.write("", to: single) },
        Breakage("a pointer for weights", .weights, single, found: "Git LFS pointer") {
            try $0.folder.write(pointer, to: single)
        },
        Breakage("a page for weights", .weights, single, found: "HTML page") { try $0.folder.write(page, to: single) },
        weights("a gap", .weights, single, .tensor(norm), found: "a gap", isWhole: false) { header, data in
            let offsets = PatientFolder.offsets(header, norm)
            header[norm] = PatientFolder.entry("BF16", [24], offsets.lowerBound + 8..<offsets.upperBound + 8)
            data += [UInt8](repeating: 0, count: 8)
        },
        weights("an overlap", .weights, single, .tensor(norm), found: "overlap", isWhole: false) { header, data in
            let offsets = PatientFolder.offsets(header, norm)
            header[norm] = PatientFolder.entry("BF16", [24], offsets.lowerBound - 8..<offsets.upperBound - 8)
            data.removeLast(8)
        },
        weights("an unknown type", .weights, single, .tensor(norm), found: "BF17", isWhole: false) { header, _ in
            header[norm] = PatientFolder.entry("BF17", [24], PatientFolder.offsets(header, norm))
        },
        weights("a size that is not its shape's", .weights, single, .tensor(norm), found: "48 bytes", isWhole: false) {
            header, _ in header[norm] = PatientFolder.entry("BF16", [23], PatientFolder.offsets(header, norm))
        },
        Breakage("a missing shard", .weights, "model-00002-of-00002.safetensors", found: "No such file", shards: 2) {
            try $0.remove("model-00002-of-00002.safetensors")
        },
        Breakage(
            "an index that promises too much", .weights, "model-00001-of-00002.safetensors", .tensor("more"),
            found: "no such tensor", shards: 2
        ) { patient in
            try patient.change(index) { object in
                var map = object["weight_map"]?.objectValue ?? JSONObject()
                map["more"] = .string("model-00001-of-00002.safetensors")
                object["weight_map"] = .object(map)
            }
        },
        Breakage("half an index", .weights, index, found: "", shards: 2) { try $0.folder.write("{", to: index) },
        Breakage("two checkpoints", .weights, index, found: "which is there too", shards: 2) { patient in
            try patient.folder.write(patient.bytes("model-00001-of-00002.safetensors"), to: single)
        },
        Breakage(
            "a wrong total", severity: .warning, .weights, index, .key("metadata.total_size"), found: "7", shards: 2
        ) { try $0.change(index) { $0["metadata"] = .object(JSONObject(["total_size": .integer(7)])) } },
        Breakage(
            "an index without metadata", severity: .warning, .weights, index, .key("metadata"), found: "no object",
            shards: 2
        ) {
            try $0.change(index) { $0["metadata"] = nil }
        },
        Breakage("one file too many", severity: .warning, .weights, "consolidated.safetensors", found: "not part") {
            patient in
            try patient.folder.write(patient.bytes(single), to: "consolidated.safetensors")
        },
    ]

    static let ofTensors: [Breakage] = [
        weights("a missing tensor", .tensors, ".", .tensor(norm), found: "no such tensor") { header, data in
            data.removeLast(PatientFolder.offsets(header, norm).count)
            header[norm] = nil
        },
        weights("a tensor too many", .tensors, single, .tensor("model.extra"), found: "shape [2]") { header, data in
            header["model.extra"] = PatientFolder.entry("BF16", [2], data.count..<data.count + 4)
            data += [0, 0, 0, 0]
        },
        weights("a transposed tensor", .tensors, single, .tensor(query), found: "shape [24, 48]") { header, _ in
            header[query] = PatientFolder.entry("BF16", [24, 48], PatientFolder.offsets(header, query))
        },
        weights("integers for floats", .tensors, single, .tensor(norm), found: "I16") { header, _ in
            header[norm] = PatientFolder.entry("I16", [24], PatientFolder.offsets(header, norm))
        },
        Breakage(
            "another type than stated", severity: .warning, .tensors, "config.json", .key("torch_dtype"),
            found: "float16"
        ) { try $0.change("config.json") { $0["torch_dtype"] = .string("float16") } },
        weights("no number", .values, single, .tensor(query), found: "1 of 1152 values not finite, the first at [1, 2]")
        {
            header, data in
            let start = PatientFolder.offsets(header, query).lowerBound + (24 + 2) * 2
            data[start...start + 1] = [0xC0, 0x7F]
        },
        weights("an infinity", .values, single, .tensor(norm), found: "the first at [23]") { header, data in
            let end = PatientFolder.offsets(header, norm).upperBound
            data[end - 2..<end] = [0x80, 0xFF]
        },
        weights("gates that were never trained", severity: .warning, .gates, ".", .tensor(query), found: "4 of 4 gates")
        {
            header, data in
            for layer in 0..<2 { for head in 0..<2 { PatientFolder.silence(layer, head, header, &data) } }
        },
        weights(
            "one gate that was never trained", severity: .warning, .gates, ".",
            .tensor("model.layers.1.self_attn.q_proj.weight"), found: "1 of 4 gates"
        ) { header, data in
            PatientFolder.silence(1, 1, header, &data)
        },
    ]

    static let ofMetadata: [Breakage] = [
        metadata("an unknown field", "windowsize", .integer(8), found: "unknown"),
        metadata("no window", "window_size", nil, found: "no such key"),
        metadata("a negative window", "window_size", .integer(-1), found: "-1"),
        metadata("a scale of 0", "alpha_scale", .integer(0), found: "0"),
        metadata("an unknown profile", "profile", .string("other"), found: "other"),
        metadata("a channel outside the head", "channel", .integer(99), found: "99"),
        metadata("no profile", severity: .warning, "profile", nil, found: "no such key"),
        metadata("no digest", severity: .warning, "weights_sha256", nil, found: "no such key"),
        metadata("longer texts than positions", severity: .warning, "context_len", .integer(5000), found: "5000"),
        Breakage("half a file of metadata", .metadata, "dms_metadata.json", found: "") {
            try $0.folder.write("{", to: "dms_metadata.json")
        },
        Breakage("two windows", .metadata, "config.json", .key("dms_window_size"), found: "9") {
            try $0.change("config.json") { $0["dms_window_size"] = .integer(9) }
        },
        Breakage("other weights", .digest, "dms_metadata.json", .key("weights_sha256"), found: "0000") {
            try $0.change("dms_metadata.json") { $0["weights_sha256"] = .string(String(repeating: "0", count: 64)) }
        },
        Breakage("weights of another length", .digest, "dms_metadata.json", .key("weights_bytes"), found: "1") {
            try $0.change("dms_metadata.json") { $0["weights_bytes"] = .integer(1) }
        },
        Breakage("a log and no metadata", severity: .warning, .metadata, "dms_metadata.json", found: "no such file") {
            patient in
            try patient.remove("dms_metadata.json")
            try patient.folder.write(
                #"{"config": {"window_size": 8, "alpha_scale": 100, "alpha_offset": 5}, "log": []}"#,
                to: "training_log.json")
        },
    ]

    private static func metadata(
        _ name: String, severity: Finding.Severity = .problem, _ key: String, _ value: JSONValue?, found: String
    ) -> Breakage {
        Breakage(name, severity: severity, .metadata, "dms_metadata.json", .key(key), found: found) { patient in
            try patient.change("dms_metadata.json") { $0[key] = value }
        }
    }
}
