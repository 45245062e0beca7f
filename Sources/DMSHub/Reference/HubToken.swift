import DMSCheckpoint

/// What proves to a hub who asks.
///
/// It never appears in a description, and ``HubClient`` sends it to the hub's own origin alone.
public struct HubToken: Sendable, Equatable, CustomStringConvertible {
    /// The value of the `Authorization` header.
    let authorization: String

    public var description: String { "a token" }

    /// - Parameters:
    ///   - text: The token; white space around it is dropped.
    ///   - place: Where it came from, for the error.
    /// - Throws: ``HubError`` for characters that no header may carry; the message does not repeat them.
    public init(_ text: String, from place: String) throws(HubError) {
        let token = text.drop { $0.isWhitespace }.prefix { !$0.isWhitespace }
        let rest = text.drop { $0.isWhitespace }.dropFirst(token.count)
        guard !token.isEmpty, rest.allSatisfy(\.isWhitespace),
            token.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else {
            throw HubError(
                .setting, place, found: "something else", required: "one token of visible ASCII characters")
        }
        authorization = "Bearer \(token)"
    }

    /// Reads a file that holds a token and nothing else.
    public init(file path: String) throws {
        let bytes = try MappedFile.contents(ofPath: path, limit: 1 << 14)
        try self.init(String(decoding: bytes, as: UTF8.self), from: path)
    }
}
