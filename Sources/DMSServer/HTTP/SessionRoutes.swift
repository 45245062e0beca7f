import DMSCheckpoint
import DMSEngine
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging

/// The saved conversations of a client: made, listed, told and deleted.
///
/// Requests for answers go on from them and save them, too: ``SessionField``.
struct SessionRoutes: Sendable {
    static let path = "/v1/sessions"

    let model: ServedModel
    let bodies: BodyReader
    let connections: ConnectionRegistry
    let metrics: ServerMetrics
    let settings: @Sendable (Request, ServerContext) -> JobSettings

    func add(to router: Router<ServerContext>) {
        router.get("\(Self.path)") { request, context in
            let sessions = try model.engine.savedSessions(of: settings(request, context).sessionOwner)
            return Response(SessionDescription.list(sessions.map { model.description(of: $0) }))
        }
        router.post("\(Self.path)") { request, context in
            let settings = settings(request, context)
            let body = try SessionRequest(try await bodies.object(request, context))
            let generation = try model.request(saving: body, settings)
            try await save(generation, context)
            guard let name = generation.saving else { return Response(APIError.internalFailure) }
            return Response(model.description(of: try model.engine.savedSession(name)).json)
        }
        router.get("\(Self.path)/:session") { request, context in
            let name = try name(request, context)
            return Response(model.description(of: try model.engine.savedSession(name), hasText: true).json)
        }
        router.delete("\(Self.path)/:session") { request, context in
            let name = try name(request, context)
            do {
                try model.engine.deleteSession(name)
            } catch let error as CheckpointError {
                context.logger.error("session not deleted", metadata: ["error": "\(error)"])
                return Response(APIError.sessionNotDeleted)
            }
            return Response(SessionDescription.deleted(name))
        }
    }

    private func name(_ request: Request, _ context: ServerContext) throws(APIError) -> SessionName {
        guard model.engine.keepsSessions else { throw APIError(SessionError.notKept) }
        return try SessionField.name(
            context.parameters.get("session") ?? "", settings(request, context).sessionOwner, path: "session")
    }

    /// Computes a conversation, and returns when it is saved.
    private func save(_ generation: GenerationRequest, _ context: ServerContext) async throws {
        let stream = try model.submit(generation)
        let watch = connections.watch(of: context.channel)
        let result = try await watch.whileOpen(onClose: { stream.cancel() }) { try await stream.collect() }
        metrics.noteEnd(result.summary)
        switch result.summary.reason {
        case .stop, .stopString, .length, .contextLimit: return
        case .cancelled: throw CancellationError()
        case .deadline: throw APIError.timeout
        case .memoryLimit:
            throw APIError(
                status: 400, kind: .invalidRequest, message: "the conversation does not fit the cache's memory",
                code: "kv_budget_exceeded")
        }
    }
}
