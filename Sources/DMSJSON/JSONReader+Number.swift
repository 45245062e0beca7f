extension JSONReader {
    /// Reads a number. Integers that fit 64 bits stay exact.
    mutating func readNumber() throws(JSONError) -> JSONValue {
        if matches("NaN") { return try readLiteral("NaN", .number(.nan)) }
        if matches("Infinity") { return try readLiteral("Infinity", .number(.infinity)) }
        if matches("-Infinity") { return try readLiteral("-Infinity", .number(-.infinity)) }
        let start = offset
        var isInteger = true
        if offset < bytes.count, bytes[offset] == 0x2D { offset += 1 }
        let firstDigit = offset
        try readDigits(from: start)
        if bytes[firstDigit] == 0x30, offset - firstDigit > 1 {
            offset = firstDigit
            throw fail("a number starts with 0")
        }
        if offset < bytes.count, bytes[offset] == 0x2E {
            isInteger = false
            offset += 1
            try readDigits(from: start)
        }
        if offset < bytes.count, bytes[offset] == 0x65 || bytes[offset] == 0x45 {
            isInteger = false
            offset += 1
            if offset < bytes.count, bytes[offset] == 0x2B || bytes[offset] == 0x2D { offset += 1 }
            try readDigits(from: start)
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if isInteger, let value = Int64(text) { return .integer(value) }
        guard let value = Double(text) else { throw fail("the number \(text) cannot be read") }
        return .number(value)
    }

    private mutating func readDigits(from start: Int) throws(JSONError) {
        let first = offset
        while offset < bytes.count, bytes[offset] >= 0x30, bytes[offset] <= 0x39 { offset += 1 }
        if offset == first {
            guard first < bytes.count else { throw fail("the text ends where a digit is required") }
            if first == start { throw fail("found \(Self.show(bytes[first])) where a value is required") }
            throw fail("found \(Self.show(bytes[first])) where a digit is required")
        }
    }

    /// Reads a number that must be an integer.
    public mutating func readInteger() throws(JSONError) -> Int64 {
        guard peek() != nil else { throw fail("the text ends where an integer is required") }
        let at = offset
        guard case .integer(let value) = try readValue() else {
            throw JSONError("an integer is required", offset: at)
        }
        return value
    }
}
