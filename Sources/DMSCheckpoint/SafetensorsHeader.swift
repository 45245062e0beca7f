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
        let parser = try Self.parser(bytes, length: length, file: file)
        metadata = parser.metadata
        entries = Self.sorted(parser.entries)
        let errors = parser.errors + Self.tilingErrors(entries, dataLength: bytes.count - dataOffset, file: file)
        if let first = errors.first { throw first }
    }

    /// Everything that is wrong with a file, of which ``init(parsing:file:)`` throws the first.
    package static func errors(parsing bytes: UnsafeRawBufferPointer, file: String) -> [CheckpointError] {
        do throws(CheckpointError) {
            let length = try headerLength(bytes, file: file)
            let parser = try parser(bytes, length: length, file: file)
            // Where an entry could not be read there is a gap that says nothing new.
            if !parser.errors.isEmpty { return parser.errors }
            return tilingErrors(sorted(parser.entries), dataLength: bytes.count - 8 - length, file: file)
        } catch {
            return [error]
        }
    }

    private static func parser(
        _ bytes: UnsafeRawBufferPointer, length: Int, file: String
    ) throws(CheckpointError) -> HeaderParser {
        var parser = HeaderParser(file: file)
        try parser.parse(UnsafeRawBufferPointer(rebasing: bytes[8..<8 + length]))
        return parser
    }

    private static func headerLength(_ bytes: UnsafeRawBufferPointer, file: String) throws(CheckpointError) -> Int {
        guard bytes.count >= 8 else {
            throw CheckpointError(
                file: file, found: "\(bytes.count) bytes",
                required: "a safetensors file (its header length takes 8 bytes)")
        }
        if let kind = ForeignContent.kind(of: bytes) {
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

    private static func sorted(_ entries: [TensorEntry]) -> [TensorEntry] {
        entries.sorted {
            ($0.byteRange.lowerBound, $0.byteRange.upperBound) < ($1.byteRange.lowerBound, $1.byteRange.upperBound)
        }
    }

    /// Where the ranges, put in order, do not cover the data exactly.
    ///
    /// A file that is too short is one error, however many tensors are in the part that is missing.
    private static func tilingErrors(
        _ sorted: [TensorEntry], dataLength: Int, file: String
    ) -> [CheckpointError] {
        var errors: [CheckpointError] = []
        var end = 0
        for entry in sorted {
            let range = entry.byteRange
            let found = "data_offsets [\(range.lowerBound), \(range.upperBound)]"
            guard range.upperBound <= dataLength else {
                return errors + [
                    CheckpointError(
                        file: file, .tensor(entry.name), found: found,
                        required: "an end within the file's \(dataLength) bytes of data (is the file truncated?)")
                ]
            }
            if range.lowerBound != end {
                let fault = range.lowerBound < end ? "overlap with the tensor before" : "a gap before the tensor"
                errors.append(
                    CheckpointError(
                        file: file, .tensor(entry.name), found: "\(found), \(fault)",
                        required: "a start at \(end), where the data before it ends"))
            }
            end = max(end, range.upperBound)
        }
        if end != dataLength {
            errors.append(
                CheckpointError(
                    file: file, found: "\(dataLength) bytes of data",
                    required: "\(end) bytes, where the last tensor ends"))
        }
        return errors
    }
}
