import NIOCore

/// Runs tasks on the thread that serves a connection.
///
/// What a task there writes goes to the connection at once, and whatever wakes several tasks wakes one thread.
final class EventLoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
