/// What the patterns of pre-tokenizers tell apart: `\p{L}`, `\p{N}`, `[\r\n]`, other `\s`, and the rest.
enum CharacterClass: UInt8 {
    case letter, number, newline, space, other

    /// The version of Unicode whose letters and numbers count.
    ///
    /// It is that of the reference library's engine. Scalars assigned later are of class `other`, so that a newer Swift
    /// runtime does not change the ids of a text.
    private static let unicodeVersion = 16

    init(ascii byte: UInt8) {
        self =
            switch byte {
            case 0x61...0x7A, 0x41...0x5A: .letter
            case 0x30...0x39: .number
            case 0x0A, 0x0D: .newline
            case 0x20, 0x09, 0x0B, 0x0C: .space
            default: .other
            }
    }

    init(_ scalar: UnicodeScalar) {
        if scalar.isASCII {
            self.init(ascii: UInt8(scalar.value))
            return
        }
        let properties = scalar.properties
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            self = Self.isKnown(properties) ? .letter : .other
        case .decimalNumber, .letterNumber, .otherNumber:
            self = Self.isKnown(properties) ? .number : .other
        default:
            self = properties.isWhitespace ? .space : .other
        }
    }

    private static func isKnown(_ properties: UnicodeScalar.Properties) -> Bool {
        (properties.age?.major ?? .max) <= unicodeVersion
    }
}
