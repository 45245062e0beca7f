public import DMSJSON

/// One line of a safetensors header.
public struct TensorEntry: Equatable, Sendable {
    /// As the file names it.
    public let name: String
    /// The type of its elements.
    public let dtype: TensorDataType
    /// Its extents, the slowest first.
    public let shape: [Int]
    /// Counted from the start of the data, which follows the header.
    public let byteRange: Range<Int>
}

/// The header of a safetensors file, wholly checked against the file's length.
///
/// A file is an 8-byte little-endian length, that many bytes of JSON, and the data. After a successful parse, names
/// are unique, every byte range has exactly the length that its type and shape demand, and the ranges tile the data
/// from its first byte to the file's last without gap or overlap.
public struct SafetensorsHeader: Sendable {
    /// The longest header that is read, in bytes: the limit of the format's reference implementation.
    public static let maximumLength = 100_000_000
    /// The most tensors in one file.
    public static let maximumTensorCount = 100_000
    /// The most dimensions of one tensor.
    public static let maximumRank = 8

    /// The tensors, in the order of their data.
    public let entries: [TensorEntry]
    /// The free-form strings under `__metadata__`, in file order; `nil` when there are none.
    public let metadata: JSONObject?
    /// Where the data starts in the file.
    public let dataOffset: Int

    /// Parses the header at the start of a whole file.
    ///
    /// - Parameters:
    ///   - bytes: The whole file; only the header is read.
    ///   - file: The path that errors name.
    /// - Throws: ``CheckpointError`` for anything that is not a well-formed file.
    public init(parsing bytes: UnsafeRawBufferPointer, file: String) throws(CheckpointError) {
        let length = try Self.headerLength(bytes, file: file)
        dataOffset = 8 + length
        let text = UnsafeRawBufferPointer(rebasing: bytes[8..<dataOffset])
        var parser = HeaderParser(file: file)
        try parser.parse(text)
        metadata = parser.metadata
        entries = try Self.tiled(parser.entries, dataLength: bytes.count - dataOffset, file: file)
    }

    private static func headerLength(_ bytes: UnsafeRawBufferPointer, file: String) throws(CheckpointError) -> Int {
        guard bytes.count >= 8 else {
            throw CheckpointError(
                file: file, found: "\(bytes.count) bytes",
                required: "a safetensors file (its header length takes 8 bytes)")
        }
        if let kind = foreignKind(bytes) {
            throw CheckpointError(file: file, found: kind, required: "a safetensors file")
        }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard length <= UInt64(maximumLength) else {
            throw CheckpointError(
                file: file, found: "a header length of \(length) bytes", required: "at most \(maximumLength) bytes")
        }
        guard length <= UInt64(bytes.count - 8) else {
            throw CheckpointError(
                file: file, found: "a header length of \(length) bytes in a file of \(bytes.count) bytes",
                required: "a header that ends within the file")
        }
        guard length > 0, bytes[8] == UInt8(ascii: "{") else {
            throw CheckpointError(
                file: file, found: "no '{' after the header length", required: "a JSON object as header")
        }
        return Int(length)
    }

    /// Other formats that are often found under a safetensors name.
    private static func foreignKind(_ bytes: UnsafeRawBufferPointer) -> String? {
        if bytes.starts(with: "GGUF".utf8) { return "a GGUF file" }
        if bytes.starts(with: "version https://git-lfs".utf8) {
            return "a Git LFS pointer in place of the file (fetch it with \"git lfs pull\")"
        }
        if bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) { return "a ZIP archive (perhaps PyTorch's)" }
        return nil
    }

    /// Requires that the ranges, put in order, cover the data exactly.
    private static func tiled(
        _ entries: [TensorEntry], dataLength: Int, file: String
    ) throws(CheckpointError) -> [TensorEntry] {
        let sorted = entries.sorted {
            ($0.byteRange.lowerBound, $0.byteRange.upperBound) < ($1.byteRange.lowerBound, $1.byteRange.upperBound)
        }
        var end = 0
        for entry in sorted {
            guard entry.byteRange.upperBound <= dataLength else {
                throw CheckpointError(
                    file: file, .tensor(entry.name),
                    found: "data_offsets [\(entry.byteRange.lowerBound), \(entry.byteRange.upperBound)]",
                    required: "an end within the file's \(dataLength) bytes of data (is the file truncated?)")
            }
            guard entry.byteRange.lowerBound == end else {
                let fault =
                    entry.byteRange.lowerBound < end ? "overlap with the tensor before" : "a gap before the tensor"
                throw CheckpointError(
                    file: file, .tensor(entry.name),
                    found: "data_offsets [\(entry.byteRange.lowerBound), \(entry.byteRange.upperBound)], \(fault)",
                    required: "a start at \(end), where the data before it ends")
            }
            end = entry.byteRange.upperBound
        }
        guard end == dataLength else {
            throw CheckpointError(
                file: file, found: "\(dataLength) bytes of data", required: "\(end) bytes, where the last tensor ends")
        }
        return sorted
    }
}
