extension JSONReader {
    /// Reads a string.
    public mutating func readString() throws(JSONError) -> String {
        switch try stringBytes() {
        case .run(let run): String(decoding: run, as: UTF8.self)
        case .unescaped(let bytes): String(decoding: bytes, as: UTF8.self)
        }
    }

    /// Reads a string and lends its unescaped UTF-8 bytes; they are valid during the call only.
    public mutating func readStringBytes<Result, E: Error>(
        _ body: (UnsafeBufferPointer<UInt8>) throws(E) -> Result
    ) throws -> Result {
        switch try stringBytes() {
        case .run(let run): return try body(run)
        case .unescaped(let bytes): return try bytes.withUnsafeBufferPointer { try body($0) }
        }
    }

    /// The bytes of a string: a piece of the text itself, or a copy where there are escapes.
    enum StringBytes {
        case run(UnsafeBufferPointer<UInt8>)
        case unescaped([UInt8])
    }

    /// Reads a string.
    ///
    /// Invalid UTF-8, unpaired surrogate escapes and raw control characters are errors.
    mutating func stringBytes() throws(JSONError) -> StringBytes {
        try expect(0x22, "a string")
        let start = offset
        var end = offset
        var isASCII = true
        while end < bytes.count {
            let byte = bytes[end]
            if byte == 0x22 {
                let run = UnsafeBufferPointer(rebasing: bytes[start..<end])
                if !isASCII { try validate(run, at: start) }
                offset = end + 1
                return .run(run)
            }
            if byte == 0x5C { break }
            if byte < 0x20 {
                offset = end
                throw fail("a raw control character \(Self.show(byte)) inside a string")
            }
            if byte >= 0x80 { isASCII = false }
            end += 1
        }
        offset = end
        return .unescaped(try readEscapedString(from: start))
    }

    private func validate(_ run: UnsafeBufferPointer<UInt8>, at start: Int) throws(JSONError) {
        var index = 0
        while index < run.count {
            let length = run[index] < 0x80 ? 1 : Self.characterLength(run, at: index)
            if length == 0 { throw JSONError("a string is not valid UTF-8", offset: start) }
            index += length
        }
    }

    /// The length of a character of more than one byte; 0 where there is no valid one (Unicode 16, table 3-7).
    private static func characterLength(_ run: UnsafeBufferPointer<UInt8>, at index: Int) -> Int {
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch run[index] {
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF:
            length = 3
            if run[index] == 0xE0 { second = 0xA0...0xBF }  // no overlong forms
            if run[index] == 0xED { second = 0x80...0x9F }  // no surrogates
        case 0xF0...0xF4:
            length = 4
            if run[index] == 0xF0 { second = 0x90...0xBF }
            if run[index] == 0xF4 { second = 0x80...0x8F }  // nothing above U+10FFFF
        default: return 0
        }
        guard length <= run.count - index, second.contains(run[index + 1]) else { return 0 }
        for next in index + 2..<index + length where run[next] & 0xC0 != 0x80 { return 0 }
        return length
    }

    /// The slow path, entered at the first backslash.
    private mutating func readEscapedString(from start: Int) throws(JSONError) -> [UInt8] {
        var scratch = Array(bytes[start..<offset])
        while offset < bytes.count {
            let byte = bytes[offset]
            offset += 1
            switch byte {
            case 0x22:
                try scratch.withUnsafeBufferPointer { (run) throws(JSONError) in try validate(run, at: start) }
                return scratch
            case 0x5C: try readEscape(into: &scratch)
            case 0..<0x20:
                offset -= 1
                throw fail("a raw control character \(Self.show(byte)) inside a string")
            default: scratch.append(byte)
            }
        }
        throw fail("the text ends inside a string")
    }

    private mutating func readEscape(into scratch: inout [UInt8]) throws(JSONError) {
        guard offset < bytes.count else { throw fail("the text ends inside a string") }
        let byte = bytes[offset]
        offset += 1
        switch byte {
        case 0x22, 0x5C, 0x2F: scratch.append(byte)
        case 0x62: scratch.append(0x08)
        case 0x66: scratch.append(0x0C)
        case 0x6E: scratch.append(0x0A)
        case 0x72: scratch.append(0x0D)
        case 0x74: scratch.append(0x09)
        case 0x75:
            var code = try readHexadecimal()
            if code >= 0xD800, code < 0xDC00 {
                guard bytes.count - offset >= 2, bytes[offset] == 0x5C, bytes[offset + 1] == 0x75 else {
                    throw fail("an unpaired surrogate escape")
                }
                offset += 2
                let low = try readHexadecimal()
                guard low >= 0xDC00, low < 0xE000 else { throw fail("an unpaired surrogate escape") }
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            }
            guard let scalar = UnicodeScalar(code) else { throw fail("an unpaired surrogate escape") }
            scratch.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
        default:
            offset -= 1
            throw fail("an unknown escape \(Self.show(byte))")
        }
    }

    private mutating func readHexadecimal() throws(JSONError) -> UInt32 {
        guard bytes.count - offset >= 4 else { throw fail("the text ends inside an escape") }
        var code: UInt32 = 0
        for _ in 0..<4 {
            let byte = bytes[offset]
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x41...0x46: digit = byte - 0x41 + 10
            case 0x61...0x66: digit = byte - 0x61 + 10
            default: throw fail("found \(Self.show(byte)) where a hexadecimal digit is required")
            }
            code = code << 4 | UInt32(digit)
            offset += 1
        }
        return code
    }
}
