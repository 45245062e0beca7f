extension JSONReader {
    /// Reads a number.
    ///
    /// Integers that fit 64 bits stay exact.
    mutating func readNumber() throws(JSONError) -> JSONValue {
        if let literal = try readNonFinite() { return literal }
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
        if isInteger, let value = integer(start..<offset) { return .integer(value) }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        guard let value = Double(text) else { throw fail("the number \(text) cannot be read") }
        return .number(value)
    }

    /// Python's literals for numbers that are not finite, told by their first letters.
    private mutating func readNonFinite() throws(JSONError) -> JSONValue? {
        guard offset < bytes.count else { return nil }
        switch bytes[offset] {
        case UInt8(ascii: "N") where matches("NaN"): return try readLiteral("NaN", .number(.nan))
        case UInt8(ascii: "I") where matches("Infinity"): return try readLiteral("Infinity", .number(.infinity))
        case UInt8(ascii: "-") where matches("-Infinity"): return try readLiteral("-Infinity", .number(-.infinity))
        default: return nil
        }
    }

    /// The value of an optional minus sign and digits; `nil` beyond 64 bits.
    private func integer(_ range: Range<Int>) -> Int64? {
        let isNegative = bytes[range.lowerBound] == UInt8(ascii: "-")
        var value: Int64 = 0
        // Counted downwards, as there is one more negative number.
        for index in (isNegative ? range.dropFirst() : range) {
            let (product, overflows) = value.multipliedReportingOverflow(by: 10)
            let (difference, underflows) = product.subtractingReportingOverflow(Int64(bytes[index] - 0x30))
            if overflows || underflows { return nil }
            value = difference
        }
        if isNegative { return value }
        return value == .min ? nil : -value
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
