import DMSJSON
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore

/// Reads the JSON object of a request, within bounds of size and time.
struct BodyReader: Sendable {
    let maximumBytes: Int
    let timeout: Duration
    let connections: ConnectionRegistry

    /// - Throws: `APIError` for a body that is too large, of another type, or no JSON object.
    func object(_ request: Request, _ context: ServerContext) async throws(APIError) -> JSONObject {
        try requireJSON(request)
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > maximumBytes { throw tooLarge }
        let body: ByteBuffer
        do {
            body = try await connections.watch(of: context.channel).within(timeout) {
                try await request.body.collect(upTo: maximumBytes)
            }
        } catch is NIOTooManyBytesError {
            throw tooLarge
        } catch {
            throw .body("it could not be read")
        }
        return try Fields.parse(Array(body.readableBytesView))
    }

    private var tooLarge: APIError {
        APIError(
            status: 413, kind: .invalidRequest, message: "the request's body: required at most \(maximumBytes) bytes",
            code: "body_too_large")
    }

    /// Pages in browsers may send some types to any server unasked, and JSON is none of them.
    private func requireJSON(_ request: Request) throws(APIError) {
        let type = request.headers[.contentType]?.prefix { $0 != ";" && $0 != " " }
        guard type?.lowercased() == "application/json" else {
            throw APIError(
                status: 415, kind: .invalidRequest,
                message: "Content-Type: found another one or none, required application/json",
                code: "unsupported_media_type")
        }
    }
}
