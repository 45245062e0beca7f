/// The URLs that a hub is spoken to with: `https`, or `http` on the loopback interface.
///
/// It is stricter than the standard asks for: no user names, no control characters, no fragments kept.
public struct HubURL: Hashable, Sendable, CustomStringConvertible {
    /// How a server is spoken to.
    public enum Scheme: String, Sendable {
        case http, https
    }

    /// Where a token may go: the same scheme, host and port.
    public struct Origin: Hashable, Sendable {
        let scheme: Scheme
        let host: String
        let port: Int
    }

    /// Where a token for this URL may go.
    public let origin: Origin
    /// Path and query, percent-encoded; it begins with a slash.
    public let target: String

    /// How the server is spoken to.
    public var scheme: Scheme { origin.scheme }
    /// In lower case; IPv6 addresses in brackets.
    public var host: String { origin.host }

    /// The whole URL.
    ///
    /// Queries may carry signatures, so this is not for messages.
    public var text: String { authority + target }

    /// The URL without its query.
    public var description: String { authority + target.prefix { $0 != "?" } }

    private var authority: String {
        let isDefault = origin.port == (scheme == .https ? 443 : 80)
        return "\(scheme.rawValue)://\(host)" + (isDefault ? "" : ":\(origin.port)")
    }

    private init(origin: Origin, target: String) {
        self.origin = origin
        self.target = target
    }

    /// - Throws: ``HubError`` for anything but an `https` URL, or an `http` one of the loopback interface.
    public init(parsing text: String) throws(HubError) {
        let required = "https://HOST[:PORT][/PATH], or http:// on the loopback interface"
        func fail(_ found: String) -> HubError {
            HubError(.setting, HubError.quoted(String(text.prefix { $0 != "?" })), found: found, required: required)
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") }) else {
            throw fail("spaces, backslashes or control characters")
        }
        guard let colon = text.firstRange(of: "://"),
            let scheme = Scheme(rawValue: text[..<colon.lowerBound].lowercased())
        else { throw fail("no such scheme") }
        let rest = text[colon.upperBound...]
        let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        let authority = rest[..<end]
        guard !authority.contains("@") else { throw fail("a user name") }
        let (host, port) = Self.split(authority)
        guard !host.isEmpty, host.utf8.allSatisfy({ $0 < 0x80 }) else { throw fail("no host") }
        guard let number = port.isEmpty ? (scheme == .https ? 443 : 80) : Int(port), (1...65_535).contains(number)
        else { throw fail("the port \(HubError.quoted(String(port)))") }
        origin = Origin(scheme: scheme, host: host.lowercased(), port: number)
        target = Self.target(rest[end...])
        guard scheme == .https || isLoopback else {
            throw fail("http to another machine, which anybody between can read")
        }
    }

    /// Whether the host is this machine itself.
    public var isLoopback: Bool {
        if host == "localhost" || host == "[::1]" { return true }
        let numbers = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return numbers.count == 4 && numbers[0] == 127 && !numbers.contains(nil)
    }

    /// The URL that a `Location` header of an answer from this one means.
    public func resolved(_ location: String) throws(HubError) -> HubURL {
        if location.hasPrefix("//") { return try HubURL(parsing: "\(scheme.rawValue):\(location)") }
        if location.hasPrefix("/") {
            // Read as a whole, so that the same checks apply.
            return try HubURL(parsing: authority + location)
        }
        return try HubURL(parsing: location)
    }

    /// A URL below this one.
    ///
    /// - Parameters:
    ///   - components: Parts of the path, not yet encoded.
    ///   - query: Encoded.
    func appending(_ components: [String], query: String? = nil) -> HubURL {
        var path = String(target.prefix { $0 != "?" })
        while path.hasSuffix("/") { path.removeLast() }
        for component in components { path += "/" + Self.encoded(component) }
        return HubURL(origin: origin, target: path + (query.map { "?" + $0 } ?? ""))
    }

    private static func split(_ authority: Substring) -> (host: Substring, port: Substring) {
        if authority.hasPrefix("["), let bracket = authority.firstIndex(of: "]") {
            let after = authority.index(after: bracket)
            return (authority[..<after], authority[after...].drop { $0 == ":" })
        }
        guard let colon = authority.firstIndex(of: ":") else { return (authority, "") }
        return (authority[..<colon], authority[authority.index(after: colon)...])
    }

    /// Bytes beyond ASCII are encoded; some servers send them as they are.
    private static func target(_ text: Substring) -> String {
        let kept = text.prefix { $0 != "#" }
        let path = kept.hasPrefix("/") ? String(kept) : "/" + kept
        return path.utf8.map { $0 < 0x80 ? String(UnicodeScalar($0)) : percent($0) }.joined()
    }

    static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: String(UnicodeScalar(byte))
            case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "~"):
                String(UnicodeScalar(byte))
            default: percent(byte)
            }
        }.joined()
    }

    private static func percent(_ byte: UInt8) -> String {
        "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }
}
