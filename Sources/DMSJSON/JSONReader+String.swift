extension JSONReader {
    /// Reads a string.
    public mutating func readString() throws(JSONError) -> String {
        var text = ""
        try withStringBytes { text = String(decoding: $0, as: UTF8.self) }
        return text
    }

    /// Reads a string and lends its unescaped UTF-8 bytes; they are valid during the call only.
    ///
    /// Invalid UTF-8, unpaired surrogate escapes and raw control characters are errors.
    public mutating func withStringBytes(_ body: (UnsafeBufferPointer<UInt8>) -> Void) throws(JSONError) {
        try expect(0x22, "a string")
        let start = offset
        var isASCII = true
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte == 0x22 {
                let run = UnsafeBufferPointer(rebasing: bytes[start..<offset])
                if !isASCII { try validate(run, at: start) }
                offset += 1
                body(run)
                return
            }
            if byte == 0x5C { break }
            if byte < 0x20 { throw fail("a raw control character \(Self.show(byte)) inside a string") }
            if byte >= 0x80 { isASCII = false }
            offset += 1
        }
        try readEscapedString(from: start)
        scratch.withUnsafeBufferPointer { body($0) }
    }

    private func validate(_ run: UnsafeBufferPointer<UInt8>, at start: Int) throws(JSONError) {
        if String(validating: run, as: UTF8.self) == nil {
            throw JSONError("a string is not valid UTF-8", offset: start)
        }
    }

    /// The slow path, entered at the first backslash: unescapes into `scratch`.
    private mutating func readEscapedString(from start: Int) throws(JSONError) {
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: bytes[start..<offset])
        while offset < bytes.count {
            let byte = bytes[offset]
            offset += 1
            switch byte {
            case 0x22:
                try scratch.withUnsafeBufferPointer { (run) throws(JSONError) in try validate(run, at: start) }
                return
            case 0x5C: try readEscape()
            case 0..<0x20:
                offset -= 1
                throw fail("a raw control character \(Self.show(byte)) inside a string")
            default: scratch.append(byte)
            }
        }
        throw fail("the text ends inside a string")
    }

    private mutating func readEscape() throws(JSONError) {
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
