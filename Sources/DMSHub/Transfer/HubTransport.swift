/// A request for bytes.
public struct HubRequest: Sendable {
    /// What is asked for.
    public let url: HubURL
    /// In the order in which they are sent.
    public let headers: [(name: String, value: String)]
}

/// The beginning of an answer, and its body as it comes.
public struct HubResponse: Sendable {
    /// The status code.
    public let status: Int
    private let headers: [String: String]
    /// Throws ``TransportFailure`` when it breaks off or falls silent.
    public let body: any AsyncSequence<[UInt8], any Error> & Sendable

    /// - Parameter headers: Of several with one name the first counts.
    public init(
        status: Int, headers: [(name: String, value: String)], body: any AsyncSequence<[UInt8], any Error> & Sendable
    ) {
        self.status = status
        self.headers = Dictionary(headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first }
        self.body = body
    }

    /// The value of a header; upper and lower case are the same.
    public subscript(name: String) -> String? { headers[name.lowercased()] }
}

/// What carries requests to a server.
///
/// It follows no redirections, repeats nothing, and adds no header that tells who asks: rules are for ``HubClient``.
public protocol HubTransport: Sendable {
    /// - Throws: ``TransportFailure`` when there is no answer.
    func get(_ request: HubRequest) async throws -> HubResponse
    /// Ends all connections.
    func close() async
}

/// Why no answer came, or no more of it.
public struct TransportFailure: Error, Equatable, Sendable {
    /// What a client may decide by.
    public enum Kind: Equatable, Sendable {
        /// Nothing was reached.
        case connect
        /// What was reached said nothing for too long.
        case silence
        /// It went away.
        case broken
        /// It is not who it should be.
        case identity
    }

    /// What happened, for programs.
    public let kind: Kind
    public let reason: String

    /// A failure with its reason.
    public init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }
}
