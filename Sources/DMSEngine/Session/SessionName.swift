/// The name of a saved conversation: 1 to 64 letters, digits, underscores or hyphens of ASCII.
///
/// It is the name of a file in one folder and can be nothing else.
public struct SessionName: Sendable, Hashable, CustomStringConvertible {
    public let rawValue: String

    /// - Throws: ``ParameterError`` for anything else.
    public init(_ rawValue: String) throws(ParameterError) {
        let isKnown = rawValue.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard isKnown, (1...64).contains(rawValue.utf8.count) else {
            throw ParameterError(
                field: "session", found: "\"\(rawValue.prefix(80))\"", required: "1 to 64 of A-Z, a-z, 0-9, _ and -")
        }
        self.rawValue = rawValue
    }

    public var description: String { rawValue }
}
