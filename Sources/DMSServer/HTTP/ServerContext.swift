import Hummingbird
import Logging
import NIOCore

/// What belongs to one HTTP request.
struct ServerContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The connection it came over.
    let channel: any Channel
    /// Names the request, in its answer and in the log.
    let requestID = "\(RequestID())"

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
        // The framework's key, with our value: its own can be read from loggers that keep metadata only.
        logger[metadataKey: "hb.request.id"] = "\(requestID)"
    }
}
