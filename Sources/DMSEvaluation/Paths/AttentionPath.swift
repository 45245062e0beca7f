public import DMSModel
public import DMSPolicy
public import DMSTensor

/// One way of computing attention over one sequence at a time: what evaluation compares.
public protocol AttentionPath: AnyObject {
    /// "strict" or "compact".
    var name: String { get }
    /// The operator to run a model's graph over.
    var attention: any AttentionOperator { get }
    /// What the cache stores keys and values in.
    var kvType: ScalarType { get }
    /// The rule and who decides, or `nil` where nothing is ever evicted.
    var retention: (rule: RetentionRule, assembly: DecisionAssembly)? { get }

    /// Forgets everything and gives the memory back; the next sequence starts at position 0.
    func reset()

    /// What the cache holds now, or `nil` where it saves nothing and a figure would mean nothing.
    var storage: CacheStorage? { get }
}

/// What a cache holds of one sequence.
public struct CacheStorage: Sendable, Hashable {
    /// Token·heads stored.
    public var liveTokenHeads: Int
    /// Σ over all tokens of the token·heads stored after each.
    public var storedOverSteps: Int
    /// Bytes that a dense cache of the same element type would hold.
    public var denseBytes: Int
    /// Bytes that the allocator really holds for the sequence: pages, rings, tables and slack included.
    public var allocatedBytes: Int

    /// What a path stores after a chunk.
    public init(liveTokenHeads: Int, storedOverSteps: Int, denseBytes: Int, allocatedBytes: Int) {
        self.liveTokenHeads = liveTokenHeads
        self.storedOverSteps = storedOverSteps
        self.denseBytes = denseBytes
        self.allocatedBytes = allocatedBytes
    }
}
