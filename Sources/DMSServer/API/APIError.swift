public import DMSJSON

/// A refusal or a failure in the shape that OpenAI's clients read.
///
/// The message may repeat what the client sent, so it is for the client and never for a log.
public struct APIError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Who is at fault, in OpenAI's words.
    public enum Kind: String, Sendable, Hashable {
        /// The client's mistake.
        case invalidRequest = "invalid_request_error"
        /// Too much at a time.
        case rateLimit = "rate_limit_error"
        /// The server's.
        case server = "server_error"
    }

    /// The HTTP status.
    public let status: Int
    /// The kind of error, as OpenAI names it.
    public let kind: Kind
    /// What is wrong, for people.
    public let message: String
    /// The field at fault.
    public let parameter: String?
    /// For programs.
    public let code: String?
    /// When it may be worth trying again.
    public let retryAfterSeconds: Int?

    /// An error as the client sees it.
    public init(
        status: Int, kind: Kind, message: String, parameter: String? = nil, code: String? = nil,
        retryAfterSeconds: Int? = nil
    ) {
        self.status = status
        self.kind = kind
        self.message = message
        self.parameter = parameter
        self.code = code
        self.retryAfterSeconds = retryAfterSeconds
    }

    public var description: String { message }

    /// The body of the answer.
    public var json: JSONObject {
        JSONObject([
            "error": .object(
                JSONObject([
                    "message": .string(message), "type": .string(kind.rawValue),
                    "param": parameter.map { .string($0) } ?? .null, "code": code.map { .string($0) } ?? .null,
                ]))
        ])
    }
}

extension APIError {
    /// A field that cannot be used.
    static func invalid(_ parameter: String, found: String, required: String, code: String? = nil) -> APIError {
        APIError(
            status: 400, kind: .invalidRequest, message: "\(parameter): found \(found), required \(required)",
            parameter: parameter, code: code)
    }

    /// A field that nothing here knows.
    static func unknown(_ parameter: String) -> APIError {
        // Made up by the client, and as long as it likes.
        let name = String(parameter.prefix(100))
        return APIError(
            status: 400, kind: .invalidRequest, message: "Unrecognized request argument supplied: \(name)",
            parameter: name, code: "unknown_parameter")
    }

    /// A field of the API that this server does not serve.
    static func unsupported(_ parameter: String, _ what: String, required: String) -> APIError {
        APIError(
            status: 400, kind: .invalidRequest, message: "\(parameter): \(what) is not supported, required \(required)",
            parameter: parameter, code: "unsupported_parameter")
    }

    /// A body that is not the JSON object that was asked for.
    static func body(_ what: String) -> APIError {
        APIError(status: 400, kind: .invalidRequest, message: "the request's body: \(what)", code: "invalid_json")
    }

    /// The time of a request was not enough.
    static let timeout = APIError(
        status: 504, kind: .server, message: "the request's time was over before its answer was complete",
        code: "timeout")

    /// The system refused to write a conversation; what it said is for the log.
    static let sessionNotSaved = APIError(
        status: 500, kind: .server, message: "the conversation was not saved; the server's log says why",
        code: "session_not_saved")

    static let sessionNotDeleted = APIError(
        status: 500, kind: .server, message: "the conversation was not deleted; the server's log says why",
        code: "session_not_deleted")

    /// A failure that is no fault of the client's; what it was is for the log.
    static let internalFailure = APIError(
        status: 500, kind: .server, message: "the server failed; its log says more", code: "internal_error")
}
