/// The name of a saved conversation, and whose it is.
///
/// A name is 1 to 64 letters, digits, underscores or hyphens of ASCII: the name of a file in one folder, and can be
/// nothing else. Two owners may use the same name and never see each other's conversations.
public struct SessionName: Sendable, Hashable, CustomStringConvertible {
    public let rawValue: String
    /// `nil` where everybody is one.
    public let owner: SessionOwner?

    /// - Throws: ``ParameterError`` for anything else.
    public init(_ rawValue: String, owner: SessionOwner? = nil) throws(ParameterError) {
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
        self.owner = owner
    }

    public var description: String { rawValue }
}
