import DMSCheckpoint
import DMSJSON

/// The beginning of a saved sequence, which says what the rest is.
///
///     offset  bytes
///          0      8  the letters DMSCACHE
///          8      4  version, 1
///         12      4  length n of the description
///         16      n  description: a JSON object, padded with spaces to a multiple of 8
///                    then, each padded with zeros to a multiple of 8 bytes:
///                    tokens        Int32 [tokens]
///                    stored        Int32 [streams]           tokens that each (layer, KV head) stores
///                    evictions     UInt64 [streams][words]   a bit per slot of the ring
///                    keys and values of each stream, page by page: keys [slots][d], values [slots][d] and, for FP8
///                    and INT8, their scales
///                 8  XXH64 of everything before
///
/// All numbers are little-endian.
struct SequenceHeader {
    static let magic = Array("DMSCACHE".utf8)
    static let version: UInt32 = 1
    static let fixedByteCount = 16
    static let checksumByteCount = 8
    private static let longestDescription = 1 << 16

    /// All tokens of the conversation.
    let tokenCount: Int
    /// The first of them, whose keys and values are in the file.
    let cachedCount: Int
    let streamCount: Int
    /// Words of eviction flags per stream.
    let flagWords: Int
    /// Bytes before the tokens.
    let byteCount: Int

    // MARK: Writing

    /// The header's bytes.
    static func bytes(tokenCount: Int, cachedCount: Int, identity: SequenceIdentity) -> [UInt8] {
        let description = JSONObject([
            "tokens": .integer(Int64(tokenCount)), "cached": .integer(Int64(cachedCount)),
            "made_with": .object(identity.json),
        ])
        var text = Array(JSONValue.object(description).text().utf8)
        while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
        precondition(text.count <= longestDescription, "a description of \(text.count) bytes")
        func bytes(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
        return magic + bytes(version) + bytes(UInt32(text.count)) + text
    }

    // MARK: Reading

    /// Reads a header and compares what it states.
    ///
    /// - Throws: `CheckpointError` naming what is not as required.
    init(_ bytes: UnsafeRawBufferPointer, identity: SequenceIdentity, file: String) throws(CheckpointError) {
        func number(_ offset: Int) -> UInt32 {
            UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        guard bytes.count >= Self.fixedByteCount else {
            throw CheckpointError(file: file, found: "\(bytes.count) bytes", required: "a saved sequence")
        }
        guard bytes.prefix(Self.magic.count).elementsEqual(Self.magic) else {
            let found = bytes.prefix(Self.magic.count).map { String($0, radix: 16) }.joined(separator: " ")
            throw CheckpointError(
                file: file, found: "the bytes \(found) at its beginning", required: "DMSCACHE: a saved sequence")
        }
        guard number(8) == Self.version else {
            throw CheckpointError(
                file: file, .key("version"), found: "\(number(8))", required: "\(Self.version)")
        }
        let length = Int(number(12))
        guard length % 8 == 0, length <= Self.longestDescription, Self.fixedByteCount + length <= bytes.count else {
            throw CheckpointError(
                file: file, found: "a description of \(length) bytes in a file of \(bytes.count)",
                required: "one that fits, at most \(Self.longestDescription) bytes in whole eights")
        }
        byteCount = Self.fixedByteCount + length
        let description = try Self.description(Array(bytes[Self.fixedByteCount..<byteCount]), file: file)
        try identity.require(description.identity, file: file)
        tokenCount = description.tokens
        cachedCount = description.cached
        streamCount = identity.streamCount
        flagWords = (identity.schedule.ringSlots(of: cachedCount) + 63) / 64
    }

    private static func description(
        _ text: [UInt8], file: String
    ) throws(CheckpointError) -> (tokens: Int, cached: Int, identity: JSONObject) {
        let object: JSONObject
        do throws(JSONError) {
            let value = try JSONReader.parse(text, limits: JSONReader.Limits(depth: 4, entries: 64))
            guard let found = value.objectValue else {
                throw JSONError("found \(value.kind), required an object", offset: 0)
            }
            object = found
        } catch {
            throw CheckpointError(file: file, found: "a description that is not JSON: \(error)", required: "an object")
        }
        guard object.keys == ["tokens", "cached", "made_with"], let identity = object["made_with"]?.objectValue else {
            throw CheckpointError(
                file: file, found: "a description of \(object.count) keys", required: "tokens, cached, made_with")
        }
        func count(_ key: String, _ range: ClosedRange<Int>) throws(CheckpointError) -> Int {
            guard let value = object[key]?.integerValue, range.contains(Int(value)) else {
                throw CheckpointError(
                    file: file, .key(key), found: object[key]?.text() ?? "nothing",
                    required: "\(range.lowerBound) to \(range.upperBound)")
            }
            return Int(value)
        }
        let tokens = try count("tokens", 1...Int(Int32.max))
        return (tokens, try count("cached", 1...tokens), identity)
    }

    // MARK: Places

    private static func padded(_ bytes: Int) -> Int { roundUp(bytes, to: 8) }

    var tokensOffset: Int { byteCount }
    var storedOffset: Int { tokensOffset + Self.padded(tokenCount * 4) }
    var flagsOffset: Int { storedOffset + Self.padded(streamCount * 4) }
    var dataOffset: Int { flagsOffset + streamCount * flagWords * 8 }
}
