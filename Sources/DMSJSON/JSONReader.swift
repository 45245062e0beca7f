/// A strict, bounded reader over UTF-8 bytes.
///
/// It reads whole values (``readValue()``) or walks objects and lists without building them (``readObject(_:)``,
/// ``readArray(_:)``), which is how a 17 MB tokenizer is read in a fraction of a second. Nesting beyond
/// ``Limits/depth`` and duplicate keys are errors, so recursion is bounded by that depth.
///
/// The bytes must stay valid for the reader's lifetime; prefer ``parse(_:limits:)`` where a whole value is wanted.
///
/// ```swift
/// var reader = JSONReader(bytes)
/// try reader.readObject { reader, key in
///     if key == "vocab" { try readVocabulary(&reader) } else { try reader.skipValue() }
/// }
/// try reader.finish()
/// ```
public struct JSONReader {
    /// Bounds on what a hostile text may ask for.
    public struct Limits: Sendable {
        /// Deepest nesting of objects and lists.
        public var depth: Int
        /// Most entries of one object, and most elements of one list.
        public var entries: Int

        /// Limits that suit files of models; smaller ones suit texts from clients.
        public init(depth: Int = 64, entries: Int = 4_000_000) {
            self.depth = depth
            self.entries = entries
        }
    }

    let bytes: UnsafeBufferPointer<UInt8>
    let limits: Limits
    /// The next byte to be read.
    public internal(set) var offset = 0
    var depth = 0

    /// A reader of bytes that outlive it.
    public init(_ bytes: UnsafeBufferPointer<UInt8>, limits: Limits = Limits()) {
        self.bytes = bytes
        self.limits = limits
    }

    /// Parses one whole text.
    ///
    /// - Throws: ``JSONError`` for anything that is not exactly one JSON value.
    public static func parse(_ bytes: [UInt8], limits: Limits = Limits()) throws(JSONError) -> JSONValue {
        let result: Result<JSONValue, JSONError> = bytes.withUnsafeBufferPointer { buffer in
            var reader = JSONReader(buffer, limits: limits)
            do throws(JSONError) {
                let value = try reader.readValue()
                try reader.finish()
                return .success(value)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Parses one whole text.
    public static func parse(_ text: String, limits: Limits = Limits()) throws(JSONError) -> JSONValue {
        try parse(Array(text.utf8), limits: limits)
    }

    /// Requires that nothing but white space is left.
    public mutating func finish() throws(JSONError) {
        skipWhitespace()
        if offset < bytes.count { throw fail("text after the end of the JSON value") }
    }

    func fail(_ message: String) -> JSONError { JSONError(message, offset: offset) }

    mutating func skipWhitespace() {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x0A, 0x0D, 0x09: offset += 1
            default: return
            }
        }
    }

    /// The first byte of the next value, not consumed; `nil` at the end.
    public mutating func peek() -> UInt8? {
        skipWhitespace()
        return offset < bytes.count ? bytes[offset] : nil
    }

    mutating func expect(_ byte: UInt8, _ what: String) throws(JSONError) {
        guard let next = peek() else { throw fail("the text ends where \(what) is required") }
        guard next == byte else { throw fail("found \(Self.show(next)) where \(what) is required") }
        offset += 1
    }

    static func show(_ byte: UInt8) -> String {
        if byte >= 0x20, byte < 0x7F { return "'\(Character(UnicodeScalar(byte)))'" }
        let digits = String(byte, radix: 16, uppercase: true)
        return "byte 0x" + (digits.count == 1 ? "0" : "") + digits
    }

    private mutating func enter() throws(JSONError) {
        depth += 1
        if depth > limits.depth { throw fail("nesting deeper than \(limits.depth)") }
    }

    /// Walks an object.
    ///
    /// The body must consume exactly the value of the key it is given. Keys come in file order; whether they repeat is
    /// for the body to check (``readValue()`` does).
    public mutating func readObject(_ body: (inout JSONReader, String) throws -> Void) throws {
        try readObjectBytes { reader, key in try body(&reader, String(decoding: key, as: UTF8.self)) }
    }

    /// Walks an object whose keys are lent as unescaped UTF-8 bytes, without making strings of them.
    public mutating func readObjectBytes(
        _ body: (inout JSONReader, UnsafeBufferPointer<UInt8>) throws -> Void
    ) throws {
        try expect(0x7B, "an object")
        try enter()
        var count = 0
        if peek() == 0x7D {
            offset += 1
        } else {
            while true {
                count += 1
                if count > limits.entries { throw fail("more than \(limits.entries) entries in one object") }
                let key = try stringBytes()
                try expect(0x3A, "':'")
                switch key {
                case .run(let run): try body(&self, run)
                case .unescaped(let unescaped): try unescaped.withUnsafeBufferPointer { try body(&self, $0) }
                }
                guard let next = peek() else { throw fail("the text ends inside an object") }
                offset += 1
                if next == 0x7D { break }
                if next != 0x2C {
                    offset -= 1
                    throw fail("found \(Self.show(next)) where ',' or '}' is required")
                }
            }
        }
        depth -= 1
    }

    /// Walks a list.
    ///
    /// The body must consume exactly one element per call; it is given the element's index.
    public mutating func readArray(_ body: (inout JSONReader, Int) throws -> Void) throws {
        try expect(0x5B, "a list")
        try enter()
        var count = 0
        if peek() == 0x5D {
            offset += 1
        } else {
            while true {
                if count >= limits.entries { throw fail("more than \(limits.entries) elements in one list") }
                try body(&self, count)
                count += 1
                guard let next = peek() else { throw fail("the text ends inside a list") }
                offset += 1
                if next == 0x5D { break }
                if next != 0x2C {
                    offset -= 1
                    throw fail("found \(Self.show(next)) where ',' or ']' is required")
                }
            }
        }
        depth -= 1
    }

    /// Reads any value.
    public mutating func readValue() throws(JSONError) -> JSONValue {
        guard let next = peek() else { throw fail("the text ends where a value is required") }
        switch next {
        case 0x7B:
            var object = JSONObject()
            do {
                try readObject { (reader: inout JSONReader, key: String) throws(JSONError) in
                    let at = reader.offset
                    if object[key] != nil { throw JSONError("the key \"\(key)\" occurs twice", offset: at) }
                    object[key] = try reader.readValue()
                }
            } catch let error as JSONError { throw error } catch { throw fail("\(error)") }
            return .object(object)
        case 0x5B:
            var elements: [JSONValue] = []
            do {
                try readArray { (reader: inout JSONReader, _: Int) throws(JSONError) in
                    elements.append(try reader.readValue())
                }
            } catch let error as JSONError { throw error } catch { throw fail("\(error)") }
            return .array(elements)
        case 0x22: return .string(try readString())
        case 0x74: return try readLiteral("true", .bool(true))
        case 0x66: return try readLiteral("false", .bool(false))
        case 0x6E: return try readLiteral("null", .null)
        default: return try readNumber()
        }
    }

    /// Checks and discards any value, building nothing.
    public mutating func skipValue() throws(JSONError) {
        guard let next = peek() else { throw fail("the text ends where a value is required") }
        do {
            switch next {
            case 0x7B: try readObject { (reader: inout JSONReader, _) throws(JSONError) in try reader.skipValue() }
            case 0x5B: try readArray { (reader: inout JSONReader, _) throws(JSONError) in try reader.skipValue() }
            case 0x22: _ = try stringBytes()
            default: _ = try readValue()
            }
        } catch let error as JSONError { throw error } catch { throw fail("\(error)") }
    }

    mutating func readLiteral(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        guard matches(text) else { throw fail("found an unknown literal where a value is required") }
        offset += text.utf8CodeUnitCount
        return value
    }

    func matches(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard bytes.count - offset >= length else { return false }
        for index in 0..<length where bytes[offset + index] != text.utf8Start[index] { return false }
        return true
    }
}
