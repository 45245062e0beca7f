import DMSCheckpoint
import DMSDoctor
import DMSJSON
import DMSTestSupport
import Foundation

/// A small checkpoint in which all is well, and what can be done to it.
final class PatientFolder: Sendable {
    let folder: TemporaryFolder
    var path: String { folder.path }

    /// - Parameters:
    ///   - shards: Files of the weights.
    ///   - adapters: Whether gates are adapters.
    init(shards: Int = 1, adapters: Bool = false) throws {
        folder = try TemporaryFolder()
        var checkpoint = TinyCheckpoint()
        checkpoint.vocabulary = ByteTokenizer.vocabulary.count
        checkpoint.dtype = "BF16"
        checkpoint.shards = shards
        checkpoint.adapters = adapters
        try checkpoint.write(to: path)
        if shards > 1 {
            // What writers put there; the helper leaves it out.
            try change("model.safetensors.index.json") { index in
                let total = try (1...shards).reduce(0) { total, number in
                    let bytes = try self.bytes("model-0000\(number)-of-0000\(shards).safetensors")
                    return total + bytes.count - 8 - Self.headerLength(bytes)
                }
                index["metadata"] = .object(JSONObject(["total_size": .integer(Int64(total))]))
            }
        }
        try folder.write(JSONValue.object(ByteTokenizer.file).text(), to: "tokenizer.json")
        var metadata = Self.metadata
        if adapters { metadata["decision_source"] = .string("adapter") }
        try folder.write(JSONValue.object(metadata).text(), to: "dms_metadata.json")
        try stamp()
    }

    static let metadata = JSONObject([
        "window_size": .integer(8), "alpha_scale": .number(100), "alpha_offset": .number(5), "target_cr": .integer(4),
        "context_len": .integer(4096), "format_version": .string("1.0"), "profile": .string("fastdms"),
    ])

    func diagnosis(isQuick: Bool = false) -> Diagnosis { Checkup(path: path, isQuick: isQuick).run() }

    /// What is not well.
    func complaints(isQuick: Bool = false) -> [Finding] {
        diagnosis(isQuick: isQuick).findings.filter { $0.severity != .ok }
    }

    // MARK: Changes

    /// Writes the digest of the weights that are there into the metadata.
    func stamp() throws {
        let digest = try WeightsDigest(directory: path)
        try change("dms_metadata.json") { $0["weights_sha256"] = .string(digest.sha256) }
    }

    func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: folder.file(name))))
    }

    func object(_ name: String) throws -> JSONObject {
        try JSONReader.parse(bytes(name)).objectValue ?? JSONObject()
    }

    func change(_ name: String, _ body: (inout JSONObject) throws -> Void) throws {
        var object = try object(name)
        try body(&object)
        try folder.write(JSONValue.object(object).text(indent: 2), to: name)
    }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: folder.file(name)) }

    private static func headerLength(_ bytes: [UInt8]) -> Int {
        bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    /// Changes header and data of the weights, written anew without the project's writer.
    func changeWeights(_ body: (inout JSONObject, inout [UInt8]) throws -> Void) throws {
        let file = try bytes("model.safetensors")
        let length = Self.headerLength(file)
        var header = try JSONReader.parse(Array(file[8..<8 + length])).objectValue ?? JSONObject()
        var data = Array(file[(8 + length)...])
        try body(&header, &data)
        var text = Array(JSONValue.object(header).text().utf8)
        while text.count % 8 != 0 { text.append(0x20) }
        let prefix = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> ($0 * 8)) }
        try folder.write(prefix + text + data, to: "model.safetensors")
    }

    /// Where a tensor begins and ends in the data.
    static func offsets(_ header: JSONObject, _ name: String) -> Range<Int> {
        let numbers = header[name]?.objectValue?["data_offsets"]?.arrayValue?.compactMap(\.integerValue) ?? [0, 0]
        return Int(numbers[0])..<Int(numbers[1])
    }

    static func entry(_ dtype: String, _ shape: [Int], _ offsets: Range<Int>) -> JSONValue {
        .object(
            JSONObject([
                "dtype": .string(dtype), "shape": .array(shape.map { .integer(Int64($0)) }),
                "data_offsets": .array([.integer(Int64(offsets.lowerBound)), .integer(Int64(offsets.upperBound))]),
            ]))
    }

    /// Sets the gate of a KV head to zeros: row `head · 3 · 8 + 7` of 24 columns of two bytes.
    static func silence(_ layer: Int, _ head: Int, _ header: JSONObject, _ data: inout [UInt8]) {
        let start = offsets(header, "model.layers.\(layer).self_attn.q_proj.weight").lowerBound
        let row = head * 3 * 8 + 7
        for index in start + row * 48..<start + (row + 1) * 48 { data[index] = 0 }
    }
}
