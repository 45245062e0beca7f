import NIOCore
import Synchronization

/// The open connections of a server.
final class ConnectionRegistry: Sendable {
    private let watches = Mutex<[ObjectIdentifier: ConnectionWatch]>([:])

    var count: Int { watches.withLock { $0.count } }

    /// The watch of a request's connection; one that never fires for a request that came over none, as in tests.
    func watch(of channel: any Channel) -> ConnectionWatch {
        watches.withLock { $0[ObjectIdentifier(channel)] } ?? ConnectionWatch {}
    }

    func add(_ channel: any Channel) -> ConnectionWatch {
        let watch = ConnectionWatch { channel.close(promise: nil) }
        watches.withLock { $0[ObjectIdentifier(channel)] = watch }
        return watch
    }

    func remove(_ channel: any Channel) {
        watches.withLock { watches in _ = watches.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    /// Closes connections whose clients take too long.
    func closeOverdue(_ now: ContinuousClock.Instant = .now) {
        for watch in watches.withLock({ Array($0.values) }) { watch.closeIfOverdue(now) }
    }
}

/// Notices that a client has left, also while nothing is written to it.
final class DisconnectHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let registry: ConnectionRegistry
    private var watch: ConnectionWatch?

    init(_ registry: ConnectionRegistry) { self.registry = registry }

    func handlerAdded(context: ChannelHandlerContext) { watch = registry.add(context.channel) }

    func handlerRemoved(context: ChannelHandlerContext) { end(context) }

    func channelInactive(context: ChannelHandlerContext) {
        end(context)
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // A client that sends no more after its request is taken to have left, as by other servers: no way to tell.
        if let event = event as? ChannelEvent, event == .inputClosed { watch?.noteClosed() }
        context.fireUserInboundEventTriggered(event)
    }

    private func end(_ context: ChannelHandlerContext) {
        watch?.noteClosed()
        registry.remove(context.channel)
    }
}
