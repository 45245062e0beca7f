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

    init(_ error: IOError, host: String, port: Int) {
        self.host = host
        self.port = port
        reason = String(cString: strerror(error.errnoCode))
    }

    /// In one line.
    public var description: String {
        "port \(port) of \(host): found \"\(reason)\", required an address of this machine and a port that is free"
    }
}
