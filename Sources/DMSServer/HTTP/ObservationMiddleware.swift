import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging

/// Counts and logs every answer.
///
/// Neither says what was asked: paths are those of the server's own routes.
struct ObservationMiddleware: RouterMiddleware {
    typealias Context = ServerContext

    let metrics: ServerMetrics

    private static let requestID = HTTPField.Name("x-request-id")

    func handle(
        _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        var response = try await next(request, context)
        if let name = Self.requestID { response.headers[name] = context.requestID }
        let endpoint = context.endpointPath ?? "none"
        metrics.noteResponse(endpoint: endpoint, status: Int(response.status.code))
        context.logger.info(
            "request",
            metadata: [
                "method": "\(request.method)", "endpoint": "\(endpoint)", "status": "\(response.status.code)",
                "seconds": "\((ContinuousClock.now - start) / .seconds(1))",
            ])
        return response
    }
}
