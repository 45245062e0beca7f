import DMSCheckpoint
import Testing

@Suite struct SafetensorsFileTests {
    private let directory = TemporaryDirectory()

    @Test func givesTheBytesOfEachTensor() throws {
        let path = directory.write(safetensors(.float16, [("a", [2, 3]), ("b", [2])]), "x.safetensors")
        let file = try SafetensorsFile(path: path)
        #expect(file.names == ["a", "b"])
        let tensor = try #require(file["b"])
        #expect(withExtendedLifetime(file) { Array(tensor.bytes) } == [12, 13, 14, 15])
        #expect(tensor.shape == [2])
        #expect(tensor.elementCount == 2)
        #expect(tensor.file == path)
        #expect(file["c"] == nil)
        #expect(file.tensors.map(\.name) == file.names)
    }

    @Test func aTensorKeepsTheMappingAlive() throws {
        let path = directory.write(safetensors(.unsigned8, [("a", [300])]), "x.safetensors")
        let tensor = try #require(try SafetensorsFile(path: path)["a"])
        #expect(withExtendedLifetime(tensor) { Array(tensor.bytes) } == (0..<300).map { UInt8(truncatingIfNeeded: $0) })
    }

    @Test func saysWhenATensorIsMisaligned() throws {
        let entry = #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#
        for padding in 0..<8 {
            let header = entry + String(repeating: " ", count: padding)
            let path = directory.write(safetensors(header, data: 8), "\(padding).safetensors")
            let tensor = try #require(try SafetensorsFile(path: path)["a"])
            #expect(tensor.isAligned == (header.utf8.count % 4 == 0))
            let expected = [Float(bitPattern: 0x0302_0100), Float(bitPattern: 0x0706_0504)]
            #expect(try tensor.floats() == expected)
        }
    }

    @Test func widensEachWeightTypeExactly() throws {
        let header = """
            {"f":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"h":{"dtype":"F16","shape":[3],"data_offsets":[4,10]},\
            "b":{"dtype":"BF16","shape":[2],"data_offsets":[10,14]},"i":{"dtype":"I8","shape":[1],"data_offsets":[14,15]}}
            """
        // 1.5; 1, -2, the smallest subnormal; 3.140625, minus infinity.
        let data: [UInt8] = [0, 0, 0xC0, 0x3F, 0, 0x3C, 0, 0xC0, 1, 0, 0x49, 0x40, 0x80, 0xFF, 7]
        let file = try SafetensorsFile(path: directory.write(safetensors(header) + data, "x.safetensors"))
        #expect(try file["f"]?.floats() == [1.5])
        #expect(try file["h"]?.floats() == [1, -2, 0x1p-24])
        #expect(try file["b"]?.floats() == [3.140625, -.infinity])
        expectError(file: "x.safetensors", .tensor("i"), found: "I8", required: "BF16, F16 or F32") {
            () throws(CheckpointError) in try file["i"]!.floats()
        }
    }

    @Test func namesThePathOfWhatCannotBeOpened() {
        expectError(file: "/none.safetensors", nil, found: "No such file", required: "readable") {
            () throws(CheckpointError) in try SafetensorsFile(path: directory.file("none.safetensors"))
        }
        expectError(file: directory.path, nil, found: "a directory", required: "regular file") {
            () throws(CheckpointError) in try SafetensorsFile(path: directory.path)
        }
        expectError(file: "/dev/null", nil, found: "special file", required: "regular file") {
            () throws(CheckpointError) in try SafetensorsFile(path: "/dev/null")
        }
        let empty = directory.write("", "empty.safetensors")
        expectError(file: "empty.safetensors", nil, found: "0 bytes") {
            () throws(CheckpointError) in try SafetensorsFile(path: empty)
        }
    }

    @Test func mapsAnEmptyFile() throws {
        #expect(try MappedFile(path: directory.write("", "empty")).withBytes { $0.isEmpty })
        #expect(try MappedFile(path: directory.write("abc", "three")).withBytes { Array($0) } == Array("abc".utf8))
    }
}
