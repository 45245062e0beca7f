/// The keys that clients may present; without any, everyone is let in.
public struct APIKeys: Sendable, Hashable {
    private let keys: [[UInt8]]

    /// - Throws: ``APIKeyError`` for a key that no header can carry.
    public init(_ keys: [String]) throws(APIKeyError) {
        for (index, key) in keys.enumerated() {
            guard (1...1024).contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw APIKeyError(number: index + 1)
            }
        }
        self.keys = keys.map { Array($0.utf8) }
    }

    /// Reads a file's text: a key a line; blank lines and lines that begin with `#` are none.
    ///
    /// - Throws: ``APIKeyError`` for a key that no header can carry, or for a text without one.
    public init(parsing text: String) throws(APIKeyError) {
        let lines = text.split(whereSeparator: \.isNewline).map { line in
            String(line.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        }
        let keys = lines.filter { !$0.isEmpty && !$0.hasPrefix("#") }
        if keys.isEmpty { throw APIKeyError(number: nil) }
        try self.init(keys)
    }

    /// Whether everyone is let in.
    public var isEmpty: Bool { keys.isEmpty }

    /// Whether a key is among them.
    ///
    /// The time it takes depends on the length of what was presented and on the keys' number and lengths, never on how
    /// much of it is right.
    func accepts(_ presented: some Collection<UInt8>) -> Bool {
        let presented = Array(presented)
        var isAccepted = false
        for key in keys {
            var difference = UInt(bitPattern: key.count ^ presented.count)
            for index in presented.indices { difference |= UInt(presented[index] ^ key[index % key.count]) }
            // Every key is looked at, whichever fits.
            isAccepted = (difference == 0) || isAccepted
        }
        return isAccepted
    }

    /// Whether a request's `Authorization` lets it in.
    func accepts(authorization: String?) -> Bool {
        if isEmpty { return true }
        return Self.key(inAuthorization: authorization).map { accepts($0.utf8) } ?? false
    }

    /// What a request's `Authorization` presents as a key.
    static func key(inAuthorization authorization: String?) -> Substring? {
        let scheme = "bearer "
        guard let authorization, authorization.lowercased().hasPrefix(scheme) else { return nil }
        return authorization.dropFirst(scheme.count)
    }
}

/// A key that cannot be used; the message does not repeat it.
public struct APIKeyError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Counted from 1; `nil` when there is none at all.
    public let number: Int?

    public var description: String {
        guard let number else { return "the API keys: found none, required one a line" }
        return "API key \(number): found other characters or too many, required 1 to 1024 printable ASCII characters"
    }
}
