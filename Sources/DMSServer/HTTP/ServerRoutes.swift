import DMSEngine
import DMSJSON
import DMSTokenizer
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// What is served under which path.
struct ServerRoutes: Sendable {
    let model: ServedModel
    let configuration: ServerConfiguration
    let metrics: ServerMetrics
    let connections: ConnectionRegistry
    let phase: ServerPhase

    /// Every path without parameters, and its methods.
    private var methods: [String: String] {
        configuration.playground == nil ? Self.methods : Self.methods.merging(["/": "GET"]) { $1 }
    }

    private static let methods = [
        "/health": "GET", "/metrics": "GET", "/v1/models": "GET", "/v1/completions": "POST",
        "/v1/chat/completions": "POST", "/tokenize": "POST", "/detokenize": "POST",
        SessionRoutes.path: "GET, POST",
    ]

    func router() -> Router<ServerContext> {
        let router = Router(context: ServerContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: ObservationMiddleware(metrics: metrics))
        router.add(middleware: ErrorMiddleware(methods: methods))
        router.add(
            middleware: AccessMiddleware(
                hosts: HostPolicy(bound: configuration.host, allowed: configuration.allowedHosts),
                keys: configuration.keys, isPageOpen: configuration.playground != nil))
        router.get("/health") { _, _ in health() }
        router.get("/metrics") { _, _ in
            Response(text: metricsReport.text, contentType: MetricsText.contentType)
        }
        router.get("/v1/models") { _, _ in Response(ModelDescription.list([model.listing])) }
        router.get("/v1/models/:model") { _, context in
            try model.requireName(context.parameters.get("model") ?? "")
            return Response(model.listing.json)
        }
        router.post("/v1/completions") { request, context in
            let body = try CompletionRequest(try await bodies.object(request, context), limits: configuration.limits)
            return try await responder.respond(try model.job(body, settings(request, context)), context)
        }
        router.post("/v1/chat/completions") { request, context in
            let body = try ChatRequest(try await bodies.object(request, context), limits: configuration.limits)
            return try await responder.respond(try model.job(body, settings(request, context)), context)
        }
        router.post("/tokenize") { request, context in
            Response(tokenize(try TokenizeRequest(try await bodies.object(request, context))))
        }
        router.post("/detokenize") { request, context in
            Response(try detokenize(try DetokenizeRequest(try await bodies.object(request, context))))
        }
        SessionRoutes(
            model: model, bodies: bodies, connections: connections, metrics: metrics,
            settings: { settings($0, $1) }
        ).add(to: router)
        if let examples = configuration.playground {
            let page = PlaygroundPage(examples: examples)
            router.get("/") { _, _ in page.response }
        }
        return router
    }

    private var bodies: BodyReader {
        BodyReader(
            maximumBytes: configuration.limits.bodyBytes, timeout: configuration.bodyTimeout, connections: connections)
    }

    private var responder: GenerationResponder {
        GenerationResponder(
            model: model, metrics: metrics, connections: connections, writeTimeout: configuration.writeTimeout)
    }

    private var metricsReport: MetricsReport {
        MetricsReport(engine: model.engine.statistics, server: metrics.values, connections: connections.count)
    }

    private func settings(_ request: Request, _ context: ServerContext) -> JobSettings {
        // Without keys whatever a client presents means nothing, and everybody is one.
        let presented =
            configuration.keys.isEmpty ? nil : APIKeys.key(inAuthorization: request.headers[.authorization])
        let key = presented.map { String($0) }
        return JobSettings(
            limits: configuration.limits, timeLimit: configuration.requestTimeLimit, requestID: context.requestID,
            cacheSalt: key, sessionOwner: key.map { SessionOwner(secret: $0) })
    }

    private func health() -> Response {
        if phase.isShuttingDown { return Response(APIError(EngineError.shutDown)) }
        return Response(JSONObject(["status": .string("ok")]))
    }

    private func tokenize(_ request: TokenizeRequest) -> JSONObject {
        let tokens = model.tokenizer.encode(
            request.content, addSpecialTokens: request.addsSpecialTokens,
            parseSpecialTokens: request.parsesSpecialTokens)
        return JSONObject(["tokens": .array(tokens.map { .integer(Int64($0)) })])
    }

    private func detokenize(_ request: DetokenizeRequest) throws -> JSONObject {
        JSONObject(["content": .string(try model.tokenizer.decode(request.tokens))])
    }
}
