import DMSEngine

/// Where a server listens, whom it lets in, and how long it waits for clients, validated.
public struct ServerConfiguration: Sendable, Hashable {
    /// The address to listen on; the loopback interface unless told otherwise.
    public let host: String
    /// 0 for one that the system chooses.
    public let port: Int
    /// Keys that clients must present; none lets everyone in.
    public let keys: APIKeys
    /// Names that requests may call the server by, as the operator gave them.
    public let allowedHosts: [String]
    /// What a client may ask for at most.
    public let limits: ServerLimits
    /// Connections that are open at a time; further clients wait to be accepted.
    public let maximumConnections: Int
    /// After which a connection is closed that neither has a request nor sends one.
    public let idleTimeout: Duration
    /// For the body of a request to arrive.
    public let bodyTimeout: Duration
    /// For a client to take what is sent to it.
    public let writeTimeout: Duration
    /// From a request to the end of its answer; `nil` for no limit.
    public let requestTimeLimit: Duration?
    /// For open requests to be finished once the server is told to stop.
    public let gracePeriod: Duration
    /// Texts for the page at `/` to begin with, none or more; `nil` serves no page.
    public let playground: [PlaygroundExample]?

    /// - Parameters:
    ///   - keys: Keys that clients must present; `nil` lets everyone in.
    ///   - allowedHosts: Names beside those of the loopback interface for a server that listens there; for others,
    ///     the only names, or none for any.
    /// - Throws: `ParameterError` for a value out of range.
    public init(
        host: String = "127.0.0.1", port: Int = 8080, keys: APIKeys? = nil, allowedHosts: [String] = [],
        limits: ServerLimits? = nil, maximumConnections: Int = 512, idleTimeout: Duration = .seconds(60),
        bodyTimeout: Duration = .seconds(30), writeTimeout: Duration = .seconds(60),
        requestTimeLimit: Duration? = .seconds(600), gracePeriod: Duration = .seconds(30),
        playground: [PlaygroundExample]? = nil
    ) throws {
        guard !host.isEmpty else {
            throw ParameterError(field: "host", found: "an empty text", required: "an address or a name")
        }
        guard (0...65_535).contains(port) else {
            throw ParameterError(field: "port", found: "\(port)", required: "0 to 65535")
        }
        guard (1...1 << 20).contains(maximumConnections) else {
            throw ParameterError(field: "maximumConnections", found: "\(maximumConnections)", required: "1 to 1048576")
        }
        for (field, value) in [
            ("idleTimeout", idleTimeout), ("bodyTimeout", bodyTimeout), ("writeTimeout", writeTimeout),
            ("requestTimeLimit", requestTimeLimit ?? .seconds(1)),
        ] where value <= .zero {
            throw ParameterError(field: field, found: "\(value)", required: "a positive time")
        }
        guard gracePeriod >= .zero else {
            throw ParameterError(field: "gracePeriod", found: "\(gracePeriod)", required: "no negative time")
        }
        self.host = host
        self.port = port
        self.keys = try keys ?? APIKeys([])
        self.allowedHosts = allowedHosts
        self.limits = try limits ?? ServerLimits()
        self.maximumConnections = maximumConnections
        self.idleTimeout = idleTimeout
        self.bodyTimeout = bodyTimeout
        self.writeTimeout = writeTimeout
        self.requestTimeLimit = requestTimeLimit
        self.gracePeriod = gracePeriod
        self.playground = playground
    }
}
