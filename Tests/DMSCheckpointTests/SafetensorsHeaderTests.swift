import DMSCheckpoint
import DMSJSON
import Testing

@Suite struct SafetensorsHeaderTests {
    private func parse(_ bytes: [UInt8]) throws(CheckpointError) -> SafetensorsHeader {
        let result: Result<SafetensorsHeader, CheckpointError> = bytes.withUnsafeBytes { bytes in
            do throws(CheckpointError) {
                return .success(try SafetensorsHeader(parsing: bytes, file: "x.safetensors"))
            } catch { return .failure(error) }
        }
        return try result.get()
    }

    @Test func readsEntriesInTheOrderOfTheirData() throws {
        let header = try parse(
            safetensors(
                #"""
                {"late":{"dtype":"F16","shape":[2,3],"data_offsets":[12,24]},"__metadata__":{"b":"1","a":"é"},
                 "early":{"data_offsets":[0,12],"shape":[3],"dtype":"F32"},
                 "none":{"dtype":"BF16","shape":[0,7],"data_offsets":[12,12]},
                 "scalar":{"dtype":"I64","shape":[],"data_offsets":[24,32]}}
                """#, data: 32))
        #expect(header.entries.map(\.name) == ["early", "none", "late", "scalar"])
        #expect(header.entries.map(\.shape) == [[3], [0, 7], [2, 3], []])
        #expect(header.entries.map(\.dtype) == [.float32, .bfloat16, .float16, .signed64])
        #expect(header.entries.map(\.byteRange) == [0..<12, 12..<12, 12..<24, 24..<32])
        #expect(header.metadata?.keys == ["b", "a"])
        #expect(header.metadata?["a"] == .string("é"))
    }

    @Test func readsAFileWithoutTensors() throws {
        let header = try parse(safetensors("{}"))
        #expect(header.entries.isEmpty)
        #expect(header.metadata == nil)
        #expect(try parse(safetensors(#"{"__metadata__":{}}  "#)).metadata == JSONObject())
    }

    @Test func knowsEveryElementType() throws {
        for dtype in TensorDataType.allCases {
            let header = try parse(safetensors(dtype, [("x", [4, 2])]))
            #expect(header.entries == [header.entries[0]])
            #expect(header.entries[0].dtype == dtype)
            #expect(header.entries[0].byteRange.count == dtype.bitWidth)
        }
    }

    /// Every way a file can lie about itself, and the words that say so.
    struct Lie: CustomTestStringConvertible, Sendable {
        let name: String
        let bytes: [UInt8]
        var subject: CheckpointError.Subject? = .tensor("x")
        let found: String
        let required: String

        var testDescription: String { name }
    }

    private static func entry(
        dtype: String = "\"F32\"", shape: String = "[2]", offsets: String = "[0,8]", data: Int = 8
    ) -> [UInt8] {
        safetensors("{\"x\":{\"dtype\":\(dtype),\"shape\":\(shape),\"data_offsets\":\(offsets)}}", data: data)
    }

    private static func pair(_ first: String, _ second: String, data: Int) -> [UInt8] {
        safetensors(
            "{\"x\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":\(first)},"
                + "\"y\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":\(second)}}", data: data)
    }

    private static func length(_ length: UInt64, then rest: String = "{}") -> [UInt8] {
        withUnsafeBytes(of: length.littleEndian) { Array($0) } + Array(rest.utf8)
    }

    static let lengthLies = [
        Lie(name: "empty", bytes: [], subject: nil, found: "0 bytes", required: "8 bytes"),
        Lie(name: "short", bytes: [1, 0, 0], subject: nil, found: "3 bytes", required: "8 bytes"),
        Lie(name: "zero length", bytes: length(0), subject: nil, found: "no '{'", required: "JSON object"),
        Lie(
            name: "length beyond file", bytes: length(3), subject: nil, found: "of 10 bytes",
            required: "within the file"),
        Lie(
            name: "length beyond cap", bytes: length(100_000_001), subject: nil, found: "100000001",
            required: "at most 100000000"),
        Lie(name: "largest length", bytes: length(.max), subject: nil, found: "\(UInt64.max)", required: "at most"),
        Lie(
            name: "length overflows", bytes: length(.max - 7), subject: nil, found: "header length", required: "at most"
        ),
        Lie(
            name: "GGUF", bytes: Array("GGUF\u{3}\0\0\0\0\0\0\0".utf8), subject: nil, found: "GGUF",
            required: "safetensors"),
        Lie(
            name: "Git LFS pointer", bytes: Array("version https://git-lfs.github.com/spec/v1\noid sha256:0".utf8),
            subject: nil, found: "Git LFS", required: "safetensors"),
        Lie(
            name: "ZIP", bytes: Array("PK\u{3}\u{4}........".utf8), subject: nil, found: "ZIP", required: "safetensors"),
    ]

    static let jsonLies = [
        Lie(name: "list", bytes: safetensors("[]"), subject: nil, found: "no '{'", required: "JSON object"),
        Lie(name: "cut JSON", bytes: safetensors(#"{"x":"#), subject: nil, found: "ends", required: "JSON object"),
        Lie(
            name: "two values", bytes: safetensors("{}{}"), subject: nil, found: "after the end",
            required: "JSON object"),
        Lie(
            name: "not UTF-8", bytes: length(5, then: "") + [0x7B, 0x22, 0xFF, 0x22, 0x7D], subject: nil,
            found: "UTF-8", required: "JSON object"),
        Lie(
            name: "deep", bytes: safetensors(#"{"x":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}}"#, data: 4),
            subject: nil, found: "nesting deeper than 3", required: "JSON object"),
        Lie(
            name: "very deep", bytes: safetensors("{\"x\":" + String(repeating: "[", count: 100_000)), subject: nil,
            found: "nesting deeper than 3", required: "JSON object"),
        Lie(
            name: "many entries",
            bytes: safetensors(
                "{"
                    + (0...100_000).map { "\"\($0)\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}" }.joined(
                        separator: ",") + "}"),
            subject: nil, found: "more than 100000 entries", required: "JSON object"),
        Lie(
            name: "duplicate name", bytes: pair("[0,4]", "[4,8]", data: 8).replacing("\"y\"".utf8, with: "\"x\"".utf8),
            found: "twice", required: "unique"),
        Lie(
            name: "duplicate key",
            bytes: safetensors(#"{"x":{"dtype":"U8","dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#), subject: nil,
            found: "occurs twice", required: "JSON object"),
        Lie(
            name: "metadata list", bytes: safetensors(#"{"__metadata__":["pt"]}"#), subject: .key("__metadata__"),
            found: #"["pt"]"#, required: "object of strings"),
        Lie(
            name: "metadata number", bytes: safetensors(#"{"__metadata__":{"n":1}}"#),
            subject: .key("__metadata__.n"), found: "1", required: "a string"),
    ]

    static let entryLies = [
        Lie(name: "entry is a list", bytes: safetensors(#"{"x":[]}"#), found: "[]", required: "an object"),
        Lie(
            name: "unknown key",
            bytes: safetensors(#"{"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"strides":[1]}}"#),
            found: "strides", required: "no keys but"),
        Lie(name: "unknown dtype", bytes: entry(dtype: "\"F33\""), found: "F33", required: "BF16"),
        Lie(name: "dtype of the wrong kind", bytes: entry(dtype: "32"), found: "32", required: "BF16"),
        Lie(
            name: "no dtype", bytes: safetensors(#"{"x":{"shape":[],"data_offsets":[0,0]}}"#), found: "no dtype",
            required: "dtype"),
        Lie(
            name: "no shape", bytes: safetensors(#"{"x":{"dtype":"U8","data_offsets":[0,0]}}"#), found: "no shape",
            required: "shape"),
        Lie(
            name: "no offsets", bytes: safetensors(#"{"x":{"dtype":"U8","shape":[]}}"#), found: "no data_offsets",
            required: "begin"),
        Lie(name: "negative dimension", bytes: entry(shape: "[-2]"), found: "[-2]", required: "none negative"),
        Lie(
            name: "two negative dimensions", bytes: entry(shape: "[-2,-1]"), found: "[-2,-1]", required: "none negative"
        ),
        Lie(name: "fractional dimension", bytes: entry(shape: "[2.0]"), found: "2.0", required: "integers"),
        Lie(name: "shape is a number", bytes: entry(shape: "2"), found: "2", required: "a list"),
        Lie(name: "nine dimensions", bytes: entry(shape: "[1,1,1,1,1,1,1,1,2]"), found: "1,1", required: "at most 8"),
        Lie(
            name: "dimension beyond 64 bits", bytes: entry(shape: "[9223372036854775808]"), found: "9.2",
            required: "integers"),
        Lie(
            name: "product overflows", bytes: entry(shape: "[4294967296,4294967296]"), found: "4294967296",
            required: "fits 64 bits"),
        Lie(
            name: "byte size overflows", bytes: entry(shape: "[4611686018427387904]"), found: "4611686018427387904",
            required: "fits 64 bits"),
        Lie(
            name: "product wraps to the right size",
            bytes: entry(shape: "[2,9223372036854775807,3]", offsets: "[0,0]", data: 0), found: "9223372036854775807",
            required: "fits 64 bits"),
        Lie(
            name: "half a byte", bytes: entry(dtype: "\"F4\"", shape: "[3]", offsets: "[0,1]", data: 1), found: "F4",
            required: "whole bytes"),
        Lie(name: "size differs from shape", bytes: entry(shape: "[3]"), found: "8 bytes", required: "12 bytes"),
        Lie(name: "one offset", bytes: entry(offsets: "[8]"), found: "[8]", required: "[begin, end]"),
        Lie(name: "three offsets", bytes: entry(offsets: "[0,8,8]"), found: "[0,8,8]", required: "[begin, end]"),
        Lie(name: "begin after end", bytes: entry(offsets: "[8,0]"), found: "[8,0]", required: "begin <= end"),
        Lie(name: "negative begin", bytes: entry(offsets: "[-8,0]"), found: "[-8,0]", required: "0 <= begin"),
        Lie(name: "end beyond the file", bytes: entry(data: 7), found: "[0, 8]", required: "7 bytes of data"),
        Lie(name: "data beyond the end", bytes: entry(data: 9), subject: nil, found: "9 bytes", required: "8 bytes"),
        Lie(
            name: "huge offsets",
            bytes: entry(dtype: "\"U8\"", shape: "[1]", offsets: "[9223372036854775806,9223372036854775807]"),
            found: "9223372036854775806", required: "within the file's 8 bytes"),
        Lie(
            name: "data without tensors", bytes: safetensors("{}", data: 1), subject: nil, found: "1 bytes",
            required: "0 bytes"),
        Lie(name: "gap at the start", bytes: entry(offsets: "[1,9]", data: 9), found: "gap", required: "start at 0"),
        Lie(
            name: "gap", bytes: pair("[0,4]", "[5,9]", data: 9), subject: .tensor("y"), found: "gap",
            required: "start at 4"),
        Lie(
            name: "overlap", bytes: pair("[0,4]", "[3,7]", data: 7), subject: .tensor("y"), found: "overlap",
            required: "start at 4"),
        Lie(
            name: "same place", bytes: pair("[0,4]", "[0,4]", data: 4), subject: .tensor("y"), found: "overlap",
            required: "start at 4"),
    ]

    @Test(arguments: lengthLies + jsonLies + entryLies) func refuses(_ lie: Lie) {
        expectError(file: "x.safetensors", lie.subject, found: lie.found, required: lie.required) {
            () throws(CheckpointError) in try parse(lie.bytes)
        }
    }

    /// A download that stopped at any byte is an error, never a smaller model.
    @Test func refusesEveryTruncation() throws {
        let whole = safetensors(
            #"{"a":{"dtype":"F16","shape":[3],"data_offsets":[0,6]},"b":{"dtype":"F32","shape":[2],"data_offsets":[6,14]}}"#,
            data: 14)
        _ = try parse(whole)
        for count in 0..<whole.count {
            #expect(throws: CheckpointError.self, "cut to \(count) bytes") { try parse(Array(whole.prefix(count))) }
        }
    }

    /// No single changed byte may crash the parser, and a header that still parses still tiles the data.
    @Test func survivesEveryChangedByte() {
        let whole = safetensors(
            #"{"a":{"dtype":"F16","shape":[3],"data_offsets":[0,6]},"__metadata__":{"k":"v"}}"#, data: 6)
        for position in 0..<whole.count - 6 {
            for value in stride(from: UInt8(0), through: 255, by: 5) {
                var changed = whole
                changed[position] = value
                if let header = try? parse(changed) {
                    #expect(header.entries.last?.byteRange.upperBound ?? 0 == changed.count - header.dataOffset)
                }
            }
        }
    }

    @Test func errorTextBoundsAndEscapesHostileNames() {
        let name = "\u{1B}[31m" + String(repeating: "n", count: 5000)
        let error = CheckpointError(file: "f", .tensor(name), found: "a", required: "b")
        #expect(error.description.utf8.count < 300)
        #expect(!error.description.utf8.contains(0x1B))
    }
}
