/// What some editors leave in a text file, and what texts that models were trained on do not have.
///
/// A byte order mark is no part of a text. Carriage returns are: they are tokens, and figures with them are not those of
/// the same text without. Neither is to be seen when the text is printed, so whoever reads a file for somebody says it.
public struct TextMarks: Sendable, Hashable {
    /// UTF-8's byte order mark.
    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// Whether the bytes begin with a byte order mark.
    public let hasByteOrderMark: Bool
    /// Whether a line ends with a carriage return and a line feed.
    public let hasCarriageReturns: Bool

    /// Bytes before the text: those of the mark, or none.
    public var prefixLength: Int { hasByteOrderMark ? Self.byteOrderMark.count : 0 }

    /// What the bytes of a file have, in O(n).
    ///
    /// - Parameter linesAreText: Whether line breaks belong to a text; those between JSON objects do not, and are not
    ///   looked for.
    public init(_ bytes: UnsafeRawBufferPointer, linesAreText: Bool = true) {
        hasByteOrderMark = bytes.starts(with: Self.byteOrderMark)
        var rest = linesAreText ? bytes[...] : bytes[bytes.endIndex...]
        var isFound = false
        while !isFound, let place = rest.firstIndex(of: UInt8(ascii: "\r")) {
            rest = rest[(place + 1)...]
            isFound = rest.first == UInt8(ascii: "\n")
        }
        hasCarriageReturns = isFound
    }
}
