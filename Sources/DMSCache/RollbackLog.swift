import DMSTensor

/// What the draft rows of a pass overwrite in each stream: a before-image per row and stream, so that they can be taken
/// back.
///
/// A token that arrives changes a stream in few places (``KVLease/advance(_:_:evicts:_:)``): the flag of the token that it
/// decides for; the flag, the key and the value in the slot of the ring that it takes; and it appends a token behind the
/// last one, itself or the one that leaves the window alive. The image has the former and says where the latter began. Put
/// back in reverse order, images restore a stream bit by bit, whatever the gates decided.
///
/// The alternative, a ring with a margin for tokens that left the window during a draft, would keep evicted tokens among
/// the visible ones, so that decode needed masks, and would order keys differently with and without drafts, which rounds
/// differently. This one leaves the layout alone, and costs a copy of one token per draft row and stream.
final class RollbackLog {
    /// What a stream was like before a token arrived, beside the key and the value in ``slot(row:stream:)``.
    struct Image {
        /// Tokens stored.
        var used: Int32
        /// The flag in the slot of the token that the new one decides for.
        var decidedFlag: Bool
        /// The flag in the slot that the new token takes.
        var arrivalFlag: Bool
    }

    private static let systemPage = 4096

    /// A page of one slot.
    let layout: KVPageLayout
    let rows: Int
    let streamCount: Int
    /// Of each row, decisions of all gates, and those among them that evict: counted once the row is settled.
    var decisions: [(made: Int, evicting: Int)]
    /// Slots `[rows][streams]`, then images.
    private let memory: HostBuffer

    init(rows: Int, streamCount: Int, layout: KVPageLayout) throws(MemoryError) {
        self.rows = rows
        self.streamCount = streamCount
        self.layout = layout
        decisions = Array(repeating: (0, 0), count: rows)
        memory = try HostBuffer(byteCount: Self.byteCount(rows: rows, streamCount: streamCount, layout: layout))
    }

    /// The layout of a log for pages of another.
    static func layout(for pages: KVPageLayout) -> KVPageLayout {
        KVPageLayout(headDimension: pages.headDimension, type: pages.type, slotsPerPage: 1)
    }

    static func byteCount(rows: Int, streamCount: Int, layout: KVPageLayout) -> Int {
        rows == 0
            ? 0 : roundUp(rows * streamCount * (layout.byteCount + MemoryLayout<Image>.stride), to: systemPage)
    }

    var byteCount: Int { Self.byteCount(rows: rows, streamCount: streamCount, layout: layout) }

    /// Forgets what earlier passes left.
    func reset() {
        for row in 0..<rows { decisions[row] = (0, 0) }
    }

    func slot(row: Int, stream: Int) -> KVSlot {
        KVSlot(page: memory.pointer + (row * streamCount + stream) * layout.byteCount, index: 0)
    }

    func image(row: Int, stream: Int) -> UnsafeMutablePointer<Image> {
        precondition((0..<rows).contains(row) && (0..<streamCount).contains(stream), "row \(row), stream \(stream)")
        let images = memory.pointer + rows * streamCount * layout.byteCount
        return images.assumingMemoryBound(to: Image.self) + row * streamCount + stream
    }
}

extension KVLease {
    /// Notes what the arrival of a token is about to overwrite in a stream.
    func record(
        _ stream: Int, _ step: TokenStep, in log: RollbackLog, row: Int, _ pool: borrowing KVPagePool
    ) {
        func flag(_ slot: Int?) -> Bool { slot.map { isEvicted(stream, ringSlot: $0) } ?? false }
        log.image(row: row, stream: stream).initialize(
            to: RollbackLog.Image(
                used: streams[stream].used, decidedFlag: flag(step.decidedSlot), arrivalFlag: flag(step.arrivalSlot)))
        guard let leaving = step.leavingSlot else { return }
        KVSlot.copy(
            from: slot(stream, leaving, pool), layout, to: log.slot(row: row, stream: stream), log.layout)
    }

    /// Takes the newest token of a stream back: the stream is as it was when ``record(_:_:in:row:_:)`` saw it.
    mutating func retreat(
        _ stream: Int, _ step: TokenStep, from log: RollbackLog, row: Int, _ pool: inout KVPagePool
    ) {
        let image = log.image(row: row, stream: stream).pointee
        if let leaving = step.leavingSlot {
            KVSlot.copy(
                from: log.slot(row: row, stream: stream), log.layout, to: slot(stream, leaving, pool), layout)
        }
        if let arrival = step.arrivalSlot { setEvicted(stream, ringSlot: arrival, image.arrivalFlag) }
        if let decided = step.decidedSlot { setEvicted(stream, ringSlot: decided, image.decidedFlag) }
        for page in pageNames(stream)[layout.pageCount(slots: Int(image.used))...] { pool.release(page) }
        streams[stream].used = image.used
        streams[stream].seen -= 1
    }
}
