import DMSCheckpoint
import Foundation
import Testing

@Suite struct CheckpointTensorsTests {
    private let directory = TemporaryDirectory()

    private func open() throws(CheckpointError) -> CheckpointTensors {
        try CheckpointTensors(directory: directory.path)
    }

    private func writeIndex(_ map: [String: String]) {
        let entries = map.map { "\"\($0)\":\"\($1)\"" }.joined(separator: ",")
        directory.write(
            "{\"metadata\":{\"total_size\":1},\"weight_map\":{\(entries)}}", "model.safetensors.index.json")
    }

    private func writeShards() {
        directory.write(safetensors(.bfloat16, [("a", [2]), ("b", [3])]), "model-1.safetensors")
        directory.write(safetensors(.float32, [("c", [1])]), "model-2.safetensors")
    }

    private let map = ["a": "model-1.safetensors", "b": "model-1.safetensors", "c": "model-2.safetensors"]

    @Test func opensASingleFile() throws {
        directory.write(safetensors(.bfloat16, [("b", [2]), ("a", [3])]), "model.safetensors")
        let tensors = try open()
        #expect(tensors.names == ["a", "b"])
        #expect(tensors["a"]?.shape == [3])
        #expect(tensors["c"] == nil)
        #expect(tensors.byteCount == 10)
        #expect(tensors.files.count == 1)
    }

    @Test func opensShards() throws {
        writeShards()
        writeIndex(map)
        directory.write("not read", "other.safetensors")
        let tensors = try open()
        #expect(tensors.names == ["a", "b", "c"])
        #expect(tensors["c"]?.dtype == .float32)
        #expect(tensors["b"].map { Array($0.bytes) } == [4, 5, 6, 7, 8, 9])
        #expect(
            tensors.files.map(\.path) == [directory.file("model-1.safetensors"), directory.file("model-2.safetensors")])
    }

    /// Some writers make an index even for one file.
    @Test func opensAnIndexOverTheSingleFile() throws {
        directory.write(safetensors(.bfloat16, [("a", [2])]), "model.safetensors")
        writeIndex(["a": "model.safetensors"])
        #expect(try open().names == ["a"])
    }

    @Test func refusesTwoCheckpointsInOneDirectory() {
        writeShards()
        writeIndex(map)
        directory.write(safetensors(.bfloat16, [("a", [2])]), "model.safetensors")
        expectError(file: "index.json", nil, found: "which is there too", required: "one checkpoint") {
            () throws(CheckpointError) in try open()
        }
    }

    /// Download caches are made of links, and a link cannot be told from a file by its name.
    @Test func followsLinks() throws {
        writeShards()
        writeIndex(map)
        try FileManager.default.createDirectory(atPath: directory.file("blobs"), withIntermediateDirectories: true)
        try FileManager.default.moveItem(
            atPath: directory.file("model-2.safetensors"), toPath: directory.file("blobs/0123"))
        try FileManager.default.createSymbolicLink(
            atPath: directory.file("model-2.safetensors"), withDestinationPath: "blobs/0123")
        #expect(try open().names == ["a", "b", "c"])
    }

    @Test func refusesAMissingShard() throws {
        writeShards()
        writeIndex(map)
        try FileManager.default.removeItem(atPath: directory.file("model-2.safetensors"))
        expectError(file: "/model-2.safetensors", nil, found: "No such file") {
            () throws(CheckpointError) in try open()
        }
    }

    @Test func refusesATruncatedShard() {
        writeShards()
        writeIndex(map)
        directory.write(Array(directory.contents("model-2.safetensors").dropLast()), "model-2.safetensors")
        expectError(file: "/model-2.safetensors", .tensor("c"), found: "[0, 4]", required: "truncated") {
            () throws(CheckpointError) in try open()
        }
    }

    @Test func refusesATensorThatIsNotWhereTheIndexSays() {
        writeShards()
        writeIndex(map.merging(["d": "model-2.safetensors"]) { $1 })
        expectError(file: "/model-2.safetensors", .tensor("d"), found: "no such tensor", required: "promises") {
            () throws(CheckpointError) in try open()
        }
        writeIndex(map.merging(["b": "model-2.safetensors"]) { $1 })
        expectError(file: "/model-1.safetensors", .tensor("b"), found: "does not list") {
            () throws(CheckpointError) in try open()
        }
    }

    @Test func refusesATensorThatTheIndexDoesNotKnow() {
        writeShards()
        writeIndex(["a": "model-1.safetensors", "c": "model-2.safetensors"])
        expectError(file: "/model-1.safetensors", .tensor("b"), found: "does not list") {
            () throws(CheckpointError) in try open()
        }
    }

    @Test func refusesATensorInTwoShards() {
        writeShards()
        directory.write(safetensors(.float32, [("c", [1]), ("b", [3])]), "model-2.safetensors")
        writeIndex(map)
        expectError(file: "/model-2.safetensors", .tensor("b"), found: "model-1.safetensors", required: "one file") {
            () throws(CheckpointError) in try open()
        }
    }

    @Test(arguments: [
        "../model-1.safetensors", "/etc/model-1.safetensors", "sub/model-1.safetensors", "..\\\\m.safetensors",
        ".hidden.safetensors", "", ".", "..", "model-1.bin", "a\\u0000.safetensors", "a\\n.safetensors",
    ])
    func refusesAShardThatIsNotAPlainName(_ name: String) {
        writeShards()
        writeIndex(["a": name])
        expectError(file: "index.json", .tensor("a"), found: "file name", required: "plain name") {
            () throws(CheckpointError) in try open()
        }
    }

    @Test(
        arguments: [
            ("", nil, "ends"), ("[]", nil, "[]"), ("{}", "weight_map", "no such key"),
            (#"{"weight_map":{}}"#, "weight_map", "{}"), (#"{"weight_map":[]}"#, "weight_map", "[]"),
            (#"{"weight_map":{"a":"m.safetensors","a":"n.safetensors"}}"#, nil, "occurs twice"),
        ] as [(String, String?, String)])
    func refusesABrokenIndex(_ text: String, _ key: String?, _ found: String) {
        directory.write(text, "model.safetensors.index.json")
        expectError(file: "index.json", key.map { .key($0) }, found: found) {
            () throws(CheckpointError) in try open()
        }
        expectError(file: "index.json", .tensor("a"), found: "7", required: "plain name") {
            () throws(CheckpointError) in
            try ShardIndex(parsing: Array(#"{"weight_map":{"a":7}}"#.utf8), file: "index.json")
        }
    }

    @Test func refusesMoreShardsThanAnyCheckpointHas() {
        let entries = (0...4096).map { "\"\($0)\":\"\($0).safetensors\"" }.joined(separator: ",")
        expectError(file: "i", .key("weight_map"), found: "4097 files", required: "at most 4096") {
            () throws(CheckpointError) in
            try ShardIndex(parsing: Array("{\"weight_map\":{\(entries)}}".utf8), file: "i")
        }
    }

    @Test func saysWhatIsThereInsteadOfSafetensors() {
        expectError(file: directory.path, nil, found: "no weights", required: "model.safetensors") {
            () throws(CheckpointError) in try open()
        }
        directory.write("", "pytorch_model.bin")
        directory.write("", "consolidated.00.pth")
        expectError(
            file: directory.path, nil, found: "consolidated.00.pth, pytorch_model.bin",
            required: "safetensors format only"
        ) {
            () throws(CheckpointError) in try open()
        }
    }
}
