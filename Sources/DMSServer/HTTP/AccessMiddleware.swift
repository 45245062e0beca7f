import HTTPTypes
import Hummingbird
import HummingbirdCore

/// Lets in whom the operator wants: requests that call the server by its name and present a key.
struct AccessMiddleware: RouterMiddleware {
    typealias Context = ServerContext

    let hosts: HostPolicy
    let keys: APIKeys
    /// Whether the page at `/` is served, which has nothing to hide and asks for a key itself.
    let isPageOpen: Bool

    func handle(
        _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        guard hosts.accepts(request.head.authority) else {
            throw APIError(
                status: 403, kind: .invalidRequest, message: "Host: found a name that this server does not go by",
                code: "host_not_allowed")
        }
        // Probes have no keys, and learn nothing but that the server is there.
        let isProbe = context.endpointPath == "/health" || isPageOpen && context.endpointPath == "/"
        guard isProbe || keys.accepts(authorization: request.headers[.authorization]) else {
            throw APIError(
                status: 401, kind: .invalidRequest,
                message: "Authorization: found no valid key, required Bearer and an API key of this server",
                code: "invalid_api_key")
        }
        return try await next(request, context)
    }
}
