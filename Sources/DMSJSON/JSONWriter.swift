extension JSONValue {
    /// The value as JSON text, keys in their own order.
    ///
    /// - Parameter indent: Spaces per level; `nil` writes one line.
    /// - Returns: Text that ``JSONReader`` reads back to an equal value, as long as every number is finite.
    public func text(indent: Int? = nil) -> String {
        var out = ""
        write(into: &out, indent: indent, level: 0)
        return out
    }

    private func write(into out: inout String, indent: Int?, level: Int) {
        switch self {
        case .null: out += "null"
        case .bool(let value): out += value ? "true" : "false"
        case .integer(let value): out += String(value)
        case .number(let value): out += value.isFinite ? "\(value)" : "null"
        case .string(let value): Self.append(value, to: &out)
        case .array(let elements):
            Self.writeList(elements.count, "[", "]", into: &out, indent: indent, level: level) { index, out in
                elements[index].write(into: &out, indent: indent, level: level + 1)
            }
        case .object(let object):
            let entries = object.entries
            Self.writeList(entries.count, "{", "}", into: &out, indent: indent, level: level) { index, out in
                Self.append(entries[index].key, to: &out)
                out += indent == nil ? ":" : ": "
                entries[index].value.write(into: &out, indent: indent, level: level + 1)
            }
        }
    }

    private static func writeList(
        _ count: Int, _ open: String, _ close: String, into out: inout String, indent: Int?, level: Int,
        _ element: (Int, inout String) -> Void
    ) {
        out += open
        for index in 0..<count {
            if index > 0 { out += "," }
            if let indent { out += "\n" + String(repeating: " ", count: indent * (level + 1)) }
            element(index, &out)
        }
        if let indent, count > 0 { out += "\n" + String(repeating: " ", count: indent * level) }
        out += close
    }

    /// Appends a text as JSON has it, with its quotes.
    ///
    /// Control characters are escaped, and so are the line separators that some stream parsers break lines at.
    public static func append(_ text: String, to out: inout String) {
        out += "\""
        // Most texts have nothing to escape; the first byte of a line separator is E2.
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") && $0 != 0xE2 }) {
            out += text
        } else {
            for scalar in text.unicodeScalars { appendEscaped(scalar, to: &out) }
        }
        out += "\""
    }

    private static func appendEscaped(_ scalar: Unicode.Scalar, to out: inout String) {
        switch scalar {
        case "\"": out += "\\\""
        case "\\": out += "\\\\"
        case "\n": out += "\\n"
        case "\r": out += "\\r"
        case "\t": out += "\\t"
        case _ where scalar.value < 0x20 || scalar.value == 0x2028 || scalar.value == 0x2029:
            let digits = String(scalar.value, radix: 16)
            out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: out.unicodeScalars.append(scalar)
        }
    }
}
