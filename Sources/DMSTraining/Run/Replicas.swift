/// The processes that train one model together, each on its own share of every batch.
///
/// An engine such as MPI implements it; ``SingleProcess`` is the default. Sums must be the same on every replica, bit for
/// bit, because each then takes the same step.
public protocol Replicas: AnyObject {
    /// This process, from 0; only 0 writes files.
    var rank: Int { get }
    var count: Int { get }

    /// Replaces the values by their sums over all replicas.
    func sum(_ values: UnsafeMutablePointer<Float>, count: Int) throws

    /// The sums over all replicas.
    func sum(_ values: [Double]) throws -> [Double]

    /// Replaces the bytes by those of process 0.
    func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws

    /// Waits for all replicas.
    func barrier() throws

    /// Leaves the others at the end of a run that went well; nothing else may be called afterwards.
    func leave() throws
}

/// One process alone.
public final class SingleProcess: Replicas {
    public let rank = 0
    public let count = 1

    /// The only process of a run.
    public init() {}

    public func sum(_ values: UnsafeMutablePointer<Float>, count: Int) {}
    public func sum(_ values: [Double]) -> [Double] { values }
    public func broadcast(_ bytes: UnsafeMutableRawBufferPointer) {}
    public func barrier() {}
    public func leave() {}
}
