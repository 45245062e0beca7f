import DMSCheckpoint
import DMSJSON
import Foundation
import Testing

@Suite struct SafetensorsWriterTests {
    private let directory = TemporaryDirectory()

    /// Reads a file and writes it again.
    private func copy(_ path: String, to name: String) throws -> String {
        let file = try SafetensorsFile(path: path)
        let tensors = file.tensors.map { TensorDeclaration(name: $0.name, dtype: $0.dtype, shape: $0.shape) }
        // Any order must do.
        try SafetensorsWriter.write(
            to: directory.file(name), tensors: tensors.reversed(), metadata: file.metadata
        ) { (tensor, output) throws(CheckpointError) in try output.append(file[tensor.name]!.bytes) }
        return directory.file(name)
    }

    /// The header that the Python library, version 0.8.0, wrote for one tensor of every type it can hold.
    private static let referenceHeader =
        #"{"__metadata__":{"z":"1","m":"q\"\\\n\u0001\#u{2028}é\#u{7F}/\b\f","a":"2"},"#
        + #""uint64":{"dtype":"U64","shape":[2],"data_offsets":[0,16]},"int64":{"dtype":"I64","shape":[2],"#
        + #""data_offsets":[16,32]},"float64":{"dtype":"F64","shape":[2],"data_offsets":[32,48]},"#
        + #""complex64":{"dtype":"C64","shape":[2],"data_offsets":[48,64]},"empty":{"dtype":"F32","shape":[0,3],"#
        + #""data_offsets":[64,64]},"float32":{"dtype":"F32","shape":[2],"data_offsets":[64,72]},"#
        + #""z.0":{"dtype":"F32","shape":[],"data_offsets":[72,76]},"uint32":{"dtype":"U32","shape":[2],"#
        + #""data_offsets":[76,84]},"int32":{"dtype":"I32","shape":[2],"data_offsets":[84,92]},"#
        + #""bfloat16":{"dtype":"BF16","shape":[2],"data_offsets":[92,96]},"float16":{"dtype":"F16","shape":[2],"#
        + #""data_offsets":[96,100]},"uint16":{"dtype":"U16","shape":[2],"data_offsets":[100,104]},"#
        + #""int16":{"dtype":"I16","shape":[2],"data_offsets":[104,108]},"float8_e5m2fnuz":{"dtype":"F8_E5M2FNUZ","#
        + #""shape":[8],"data_offsets":[108,116]},"float8_e4m3fnuz":{"dtype":"F8_E4M3FNUZ","shape":[8],"#
        + #""data_offsets":[116,124]},"float8_e8m0fnu":{"dtype":"F8_E8M0","shape":[8],"data_offsets":[124,132]},"#
        + #""float8_e4m3fn":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[132,140]},"float8_e5m2":{"#
        + #""dtype":"F8_E5M2","shape":[8],"data_offsets":[140,148]},"int8":{"dtype":"I8","shape":[2],"#
        + #""data_offsets":[148,150]},"uint8":{"dtype":"U8","shape":[2],"data_offsets":[150,152]},"#
        + #""float4_e2m1fn_x2":{"dtype":"F4","shape":[16],"data_offsets":[152,160]},"#
        + #""bool":{"dtype":"BOOL","shape":[2],"data_offsets":[160,162]}}"#

    @Test func writesWhatTheReferenceImplementationWrites() throws {
        let padding = String(repeating: " ", count: (8 - Self.referenceHeader.utf8.count % 8) % 8)
        let reference = safetensors(Self.referenceHeader + padding, data: 162)
        let path = directory.write(reference, "reference.safetensors")
        #expect(TemporaryDirectory.contents(try copy(path, to: "copy.safetensors")) == reference)
    }

    @Test(arguments: 0..<9) func padsTheHeaderToEightBytes(_ length: Int) throws {
        let path = directory.file("x.safetensors")
        let tensor = TensorDeclaration(name: String(repeating: "n", count: length), dtype: .float32, shape: [1])
        try SafetensorsWriter.write(to: path, tensors: [tensor], metadata: nil) {
            (_, output) throws(CheckpointError) in try output.append([0, 0, 128, 63])
        }
        let file = try SafetensorsFile(path: path)
        #expect(file.header.dataOffset % 8 == 0)
        #expect(file.metadata == nil)
        #expect(try file.tensors[0].floats() == [1])
        #expect(file.tensors[0].isAligned)
    }

    @Test func sortsNamesByTheirBytes() throws {
        // In Unicode order "Z" comes before "a"; composed and plain letters go by UTF-8, not by how they are read.
        let names = ["a", "Z", "é", "layers.10", "layers.2", "~"]
        try SafetensorsWriter.write(
            to: directory.file("x.safetensors"),
            tensors: names.map { TensorDeclaration(name: $0, dtype: .unsigned8, shape: [0]) }
        ) { (_, _) throws(CheckpointError) in }
        let file = try SafetensorsFile(path: directory.file("x.safetensors"))
        #expect(file.metadata == JSONObject(["format": .string("pt")]))
        let text = String(decoding: directory.contents("x.safetensors").dropFirst(8), as: UTF8.self)
        let positions = ["Z", "a", "layers.10", "layers.2", "~", "é"].map { text.range(of: "\"\($0)\"")!.lowerBound }
        #expect(positions == positions.sorted())
    }

    @Test func refusesAWrongNumberOfBytes() {
        let tensors = [TensorDeclaration(name: "x", dtype: .bfloat16, shape: [2])]
        for count in [0, 3, 5] {
            expectError(file: "/x.safetensors", .tensor("x"), found: "\(count) bytes", required: "4 bytes") {
                () throws(CheckpointError) in
                try SafetensorsWriter.write(to: directory.file("x.safetensors"), tensors: tensors) {
                    (_, output) throws(CheckpointError) in try output.append([UInt8](repeating: 0, count: count))
                }
            }
        }
        #expect(directory.names.isEmpty)
    }

    @Test(arguments: [
        ([TensorDeclaration(name: "x", dtype: .float32, shape: [-1])], "[-1]"),
        ([TensorDeclaration(name: "x", dtype: .float32, shape: [.max, 2])], "F32"),
        ([TensorDeclaration(name: "x", dtype: .float4, shape: [1])], "F4"),
        ([TensorDeclaration(name: "x", dtype: .float32, shape: Array(repeating: 1, count: 9))], "[1, 1"),
        (
            [
                TensorDeclaration(name: "x", dtype: .float32, shape: [0]),
                TensorDeclaration(name: "x", dtype: .float16, shape: [0]),
            ], "twice"
        ),
    ])
    func refusesWhatNoFileCanHold(_ tensors: [TensorDeclaration], _ found: String) {
        expectError(file: "/x.safetensors", .tensor("x"), found: found) { () throws(CheckpointError) in
            try SafetensorsWriter.write(to: directory.file("x.safetensors"), tensors: tensors) {
                (_, _) throws(CheckpointError) in
            }
        }
        #expect(directory.names.isEmpty)
    }

    @Test func refusesReservedNamesAndMetadataThatIsNotText() {
        let path = directory.file("x.safetensors")
        expectError(file: path, .tensor("__metadata__"), found: "reserved") { () throws(CheckpointError) in
            try SafetensorsWriter.write(
                to: path, tensors: [TensorDeclaration(name: "__metadata__", dtype: .float32, shape: [])]
            ) { (_, _) throws(CheckpointError) in }
        }
        expectError(file: path, .key("__metadata__.step"), found: "3", required: "a string") {
            () throws(CheckpointError) in
            try SafetensorsWriter.write(to: path, tensors: [], metadata: JSONObject(["step": .integer(3)])) {
                (_, _) throws(CheckpointError) in
            }
        }
    }

    @Test(
        .enabled(if: SharedFixtures.arePresent),
        arguments: [
            "models/wiki-llama-8m/model.safetensors", "models/wiki-llama-8m-dms-synthetic/model.safetensors",
            "fixtures/rope.safetensors", "fixtures/dms_strict.safetensors", "fixtures/training_math.safetensors",
        ])
    func copiesRealFilesByteForByte(_ name: String) throws {
        let path = try #require(SharedFixtures.root) + "/" + name
        #expect(FileManager.default.contentsEqual(atPath: path, andPath: try copy(path, to: "copy.safetensors")))
    }
}
