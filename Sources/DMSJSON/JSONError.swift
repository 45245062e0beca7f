/// Why a text is not the JSON that was asked for.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was found and what was required.
    public let message: String
    /// The byte at which it was found, counted from 0.
    public let offset: Int

    /// An error at a byte of the text.
    public init(_ message: String, offset: Int) {
        self.message = message
        self.offset = offset
    }

    public var description: String { "\(message) (at byte \(offset))" }
}
