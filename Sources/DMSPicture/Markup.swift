/// Text that becomes part of XML or HTML.
public enum Markup {
    /// Text for an element or for an attribute in double quotes; characters that XML 1.0 does not allow are left out.
    public static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case _ where scalar.value < 0x20 && scalar != "\n" && scalar != "\t": continue
            case _ where scalar.value == 0xFFFE || scalar.value == 0xFFFF: continue
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    /// A token's text with a sign for everything that would move what stands around it, or not be seen: line breaks,
    /// tabs, control characters, and marks that change the direction of writing.
    public static func visible(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x0A: out += "\u{21B5}"
            case 0x09: out += "\u{21E5}"
            case 0x00..<0x20: out.unicodeScalars.append(UnicodeScalar(0x2400 + scalar.value) ?? "?")
            case 0x7F..<0xA0, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF:
                out += "\u{25CC}"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}
