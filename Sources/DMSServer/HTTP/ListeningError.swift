import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// An address that a server cannot listen on.
public struct ListeningError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The host that was asked for.
    public let host: String
    /// The port that was asked for.
    public let port: Int
    /// The system's reason.
    public let reason: String

    init(_ error: any Error, host: String, port: Int) {
        self.host = host
        self.port = port
        reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
    }

    /// In one line.
    public var description: String {
        "port \(port) of \(host): found \"\(reason)\", required an address of this machine and a port that is free"
    }
}
