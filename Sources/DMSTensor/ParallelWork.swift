/// Work in parts that a backend's threads share.
///
/// An object in place of a closure, because a closure that is lent to C takes memory at every call.
public protocol ParallelWork: AnyObject, Sendable {
    /// Does one part, on any thread, while others do other parts.
    func work(at index: Int)
}
