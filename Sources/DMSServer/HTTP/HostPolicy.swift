/// Which names a request may call this server by.
///
/// A page in a browser can make a name of its own point to this machine and then read what a server on the loopback
/// interface answers. Such requests carry that name, so a server that knows its own refuses them.
package struct HostPolicy: Sendable, Hashable {
    /// In lower case, without ports; `nil` for any.
    let names: Set<String>?

    private static let loopback: Set<String> = ["localhost", "127.0.0.1", "::1"]

    /// Whether an address to listen on is that of the loopback interface.
    package static func isLoopback(_ host: String) -> Bool { loopback.contains(host.lowercased()) }

    /// - Parameters:
    ///   - bound: The address that the server listens on.
    ///   - allowed: Names given by the operator; without any, a server on the loopback interface has that one's names,
    ///     and another any.
    init(bound: String, allowed: [String]) {
        let allowed = Set(allowed.map { $0.lowercased() })
        names = Self.isLoopback(bound) ? Self.loopback.union(allowed) : allowed.isEmpty ? nil : allowed
    }

    /// - Parameter authority: The request's `Host`.
    func accepts(_ authority: String?) -> Bool {
        guard let names else { return true }
        guard let authority else { return false }
        return names.contains(Self.host(of: authority.lowercased()))
    }

    /// The name without the port: `[::1]:8080` is `::1`.
    private static func host(of authority: String) -> String {
        if authority.hasPrefix("[") { return String(authority.dropFirst().prefix { $0 != "]" }) }
        return String(authority.prefix { $0 != ":" })
    }
}
