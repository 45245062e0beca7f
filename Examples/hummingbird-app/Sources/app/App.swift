import DMSEngine
import Hummingbird

/// A web application of one's own with a route that streams: `app FOLDER [PORT]`.
@main
struct App {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard (2...3).contains(arguments.count), let port = arguments.count == 3 ? Int(arguments[2]) : 8080 else {
            print("usage: app FOLDER [PORT]")
            return
        }
        // All requests share this much memory; those that do not fit wait for their turn.
        let engine = try Engine(
            directory: arguments[1],
            configuration: EngineConfiguration(kvType: .bfloat16, budgetBytes: 512 << 20))
        let application = Application(
            router: router(engine), configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port))
        )
        try await application.runService()
        await engine.shutDown()
    }

    /// `POST /complete`: a text as it is, and its continuation as it comes.
    static func router(_ engine: Engine) -> Router<BasicRequestContext> {
        let router = Router()
        router.post("complete") { request, _ in
            let prompt = String(buffer: try await request.body.collect(upTo: 1 << 20))
            let stream: TextStream
            do {
                stream = try engine.stream(prompt, maximumTokens: 64)
            } catch let error as EngineError {
                // What cannot fit into the budget will not fit later.
                if case .overBudget = error { throw HTTPError(.badRequest, message: "\(error)") }
                throw HTTPError(.serviceUnavailable, message: "\(error)")
            } catch {
                throw HTTPError(.badRequest, message: "\(error)")
            }
            // A client that leaves ends the body, and with it the request; one that reads slowly pauses it.
            return Response(
                status: .ok, headers: [.contentType: "text/plain; charset=utf-8"],
                body: ResponseBody(asyncSequence: stream.map { ByteBuffer(string: $0) }))
        }
        return router
    }
}
