import DMSTensor

/// Keys and values of the rows that prefill is computing, in the cache's element type, before they are committed.
///
/// One page per KV head with room for a block of rows, and the last query that sees each slot: of the staged rows, and
/// of the ring, which needs as many as it has slots. Reused over layers and sequences.
final class StagingArea {
    private static let systemPage = 4096

    let layout: KVPageLayout
    let heads: Int
    /// Pages `[heads]`, the positions of the rows `[rows]`, the last queries of the rows `[heads][rows]`.
    private let memory: HostBuffer
    /// The last queries of the ring's slots, `[heads][ringCapacity]`.
    private var ringBounds: HostBuffer?
    private(set) var ringCapacity = 0

    /// - Parameter layout: That of the cache, its slots being the rows of a block.
    init(layout: KVPageLayout, heads: Int) throws(MemoryError) {
        self.layout = layout
        self.heads = heads
        memory = try HostBuffer(byteCount: Self.byteCount(layout: layout, heads: heads))
    }

    private static func mapped(_ bytes: Int) -> Int { max(systemPage, roundUp(bytes, to: systemPage)) }

    /// Bytes of an area without bounds for a ring.
    static func byteCount(layout: KVPageLayout, heads: Int) -> Int {
        mapped(heads * layout.byteCount + (1 + heads) * layout.slotsPerPage * 4)
    }

    /// Bytes of the bounds for a ring of so many slots.
    static func ringByteCount(slots: Int, heads: Int) -> Int { slots == 0 ? 0 : mapped(heads * slots * 4) }

    var byteCount: Int {
        Self.byteCount(layout: layout, heads: heads) + Self.ringByteCount(slots: ringCapacity, heads: heads)
    }

    /// Makes room for the bounds of a ring.
    func growRing(slots: Int) throws(MemoryError) {
        ringBounds = try HostBuffer(byteCount: Self.mapped(heads * slots * 4))
        ringCapacity = slots
    }

    func slot(head: Int, row: Int) -> KVSlot {
        KVSlot(page: memory.pointer + head * layout.byteCount, index: row)
    }

    /// The position of each staged row, which is the first query that sees it.
    var firstQueries: UnsafeMutablePointer<Int32> {
        (memory.pointer + heads * layout.byteCount).assumingMemoryBound(to: Int32.self)
    }

    func lastQueries(head: Int) -> UnsafeMutablePointer<Int32> { firstQueries + (1 + head) * layout.slotsPerPage }

    func ringLastQueries(head: Int) -> UnsafeMutablePointer<Int32> {
        guard let ringBounds else { preconditionFailure("bounds of a ring without room for them") }
        return ringBounds.pointer.assumingMemoryBound(to: Int32.self) + head * ringCapacity
    }
}
