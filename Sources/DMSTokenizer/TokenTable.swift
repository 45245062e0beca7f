/// Token bytes in one piece of memory, by id and by content.
///
/// Two arrays and a hash table instead of hundreds of thousands of strings: that is what makes a vocabulary of 128,000
/// tokens load in a fraction of a second.
struct TokenTable: Sendable {
    /// Where a token lies in the arena; `start` is -1 for an id that is not used.
    private struct Span {
        var start: Int32
        var length: Int32
        static let unused = Span(start: -1, length: 0)
        var range: Range<Int> { Int(start)..<Int(start) + Int(length) }
    }

    /// An entry of the hash table; `id` is -1 where it is free.
    ///
    /// Most misses are told by the hash alone.
    private struct Slot {
        var hash: UInt32
        var id: Int32
        static let free = Slot(hash: 0, id: -1)
    }

    private var arena: [UInt8] = []
    private var spans: [Span] = []
    private var slots: [Slot]
    private var mask: Int
    private var count = 0
    /// Differs from table to table, which makes it hard to write a file whose tokens all collide.
    private let seed = UInt32.random(in: 0 ... .max)

    init(expectedCount: Int) {
        var capacity = 64
        while capacity < expectedCount * 2 { capacity *= 2 }
        slots = [Slot](repeating: .free, count: capacity)
        mask = capacity - 1
        arena.reserveCapacity(expectedCount * 8)
    }

    /// One more than the largest id.
    var upperBound: Int { spans.count }

    func contains(id: Int) -> Bool { id >= 0 && id < spans.count && spans[id].start >= 0 }

    /// The bytes of a token, or `nil` for an id that is not used.
    subscript(id: Int) -> ArraySlice<UInt8>? { contains(id: id) ? arena[spans[id].range] : nil }

    /// Adds a token.
    ///
    /// - Returns: `false` when the id or the bytes are there already.
    mutating func insert(_ bytes: UnsafeBufferPointer<UInt8>, id: Int) -> Bool {
        guard !contains(id: id), self.id(of: bytes) == nil else { return false }
        if (count + 1) * 2 > slots.count { grow() }
        if id >= spans.count { spans.append(contentsOf: repeatElement(.unused, count: id + 1 - spans.count)) }
        spans[id] = Span(start: Int32(arena.count), length: Int32(bytes.count))
        arena.append(contentsOf: bytes)
        place(Slot(hash: Self.mixed(Self.hash(bytes, seed)), id: Int32(id)))
        count += 1
        return true
    }

    /// The id of exactly these bytes.
    ///
    /// O(length).
    func id(of bytes: UnsafeBufferPointer<UInt8>) -> Int32? {
        find(Self.hash(bytes, seed)) { span in
            span.length == bytes.count && equals(bytes, at: Int(span.start))
        }
    }

    /// The id of the bytes of one token followed by those of another, or `nil`.
    ///
    /// Both ids must be in use.
    func id(ofPair left: Int, _ right: Int) -> Int32? {
        let (leftSpan, rightSpan) = (spans[left], spans[right])
        return arena.withUnsafeBufferPointer { arena in
            let first = UnsafeBufferPointer(rebasing: arena[leftSpan.range])
            let second = UnsafeBufferPointer(rebasing: arena[rightSpan.range])
            return find(Self.hash(second, Self.hash(first, seed))) { span in
                span.length == leftSpan.length + rightSpan.length && equals(first, at: Int(span.start))
                    && equals(second, at: Int(span.start) + first.count)
            }
        }
    }

    private func find(_ unmixedHash: UInt32, _ isWanted: (Span) -> Bool) -> Int32? {
        let hash = Self.mixed(unmixedHash)
        var index = Int(hash) & mask
        while slots[index].id >= 0 {
            let slot = slots[index]
            if slot.hash == hash, isWanted(spans[Int(slot.id)]) { return slot.id }
            index = (index + 1) & mask
        }
        return nil
    }

    private func equals(_ bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> Bool {
        for index in 0..<bytes.count where arena[start + index] != bytes[index] { return false }
        return true
    }

    private mutating func place(_ slot: Slot) {
        var index = Int(slot.hash) & mask
        while slots[index].id >= 0 { index = (index + 1) & mask }
        slots[index] = slot
    }

    private mutating func grow() {
        let old = slots
        slots = [Slot](repeating: .free, count: old.count * 2)
        mask = slots.count - 1
        for slot in old where slot.id >= 0 { place(slot) }
    }

    /// FNV-1a, which can go on from the hash of what stands before.
    private static func hash(_ bytes: UnsafeBufferPointer<UInt8>, _ start: UInt32) -> UInt32 {
        var hash = start ^ 0x811C_9DC5
        for byte in bytes { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
        return hash ^ 0x811C_9DC5
    }

    /// Spreads the hash over its low bits, which choose the slot.
    private static func mixed(_ hash: UInt32) -> UInt32 {
        var hash = hash
        hash = (hash ^ hash >> 16) &* 0x85EB_CA6B
        hash = (hash ^ hash >> 13) &* 0xC2B2_AE35
        return hash ^ hash >> 16
    }
}
