import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging

/// Answers every failure in OpenAI's shape.
struct ErrorMiddleware: RouterMiddleware {
    typealias Context = ServerContext

    /// The methods of every path that is served, for telling a wrong method from a wrong path.
    let methods: [String: String]

    func handle(
        _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch is CancellationError {
            // Nobody is there to read it; the status is for the log and the metrics.
            return Response(status: HTTPResponse.Status(code: 499))
        } catch let error as HTTPError where error.status == .notFound {
            return notFound(request)
        } catch {
            let answer = APIError(error)
            if answer.status == 500 {
                context.logger.error("request failed", metadata: ["error": "\(error)"])
            }
            return Response(answer)
        }
    }

    private func notFound(_ request: Request) -> Response {
        let path = request.uri.path
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        let isSession = parts.joined(separator: "/") == SessionRoutes.path
        guard let allowed = methods[path] ?? (isSession ? "GET, DELETE" : nil) else {
            return Response(
                APIError(
                    status: 404, kind: .invalidRequest, message: "nothing is served under this path",
                    code: "not_found"))
        }
        var response = Response(
            APIError(
                status: 405, kind: .invalidRequest, message: "the method: required \(allowed)",
                code: "method_not_allowed"))
        response.headers[.allow] = allowed
        return response
    }
}
