/// Which two neighbouring tokens merge into which, and in what order.
struct MergeTable: Sendable {
    struct Merge: Sendable {
        var rank: Int32
        var result: Int32
    }

    private var keys: [UInt64]
    private var merges: [Merge]
    private var mask: Int
    private var count = 0

    private static let free = UInt64.max

    init(expectedCount: Int) {
        var capacity = 64
        while capacity < expectedCount * 2 { capacity *= 2 }
        keys = [UInt64](repeating: Self.free, count: capacity)
        merges = [Merge](repeating: Merge(rank: 0, result: 0), count: capacity)
        mask = capacity - 1
    }

    /// The merge of two tokens, or `nil`.
    subscript(left: Int32, right: Int32) -> Merge? {
        let key = Self.key(left, right)
        var slot = Self.slot(key) & mask
        while keys[slot] != Self.free {
            if keys[slot] == key { return merges[slot] }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Adds a merge.
    ///
    /// A pair that is added again keeps its last rank, as it does in the reference library.
    mutating func insert(_ left: Int32, _ right: Int32, _ merge: Merge) {
        if (count + 1) * 2 > keys.count { grow() }
        let key = Self.key(left, right)
        var slot = Self.slot(key) & mask
        while keys[slot] != Self.free, keys[slot] != key { slot = (slot + 1) & mask }
        if keys[slot] == Self.free { count += 1 }
        keys[slot] = key
        merges[slot] = merge
    }

    private mutating func grow() {
        let (oldKeys, oldMerges) = (keys, merges)
        keys = [UInt64](repeating: Self.free, count: oldKeys.count * 2)
        merges = [Merge](repeating: Merge(rank: 0, result: 0), count: keys.count)
        mask = keys.count - 1
        for index in oldKeys.indices where oldKeys[index] != Self.free {
            var slot = Self.slot(oldKeys[index]) & mask
            while keys[slot] != Self.free { slot = (slot + 1) & mask }
            keys[slot] = oldKeys[index]
            merges[slot] = oldMerges[index]
        }
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    private static func slot(_ key: UInt64) -> Int {
        Int(truncatingIfNeeded: ((key ^ key >> 32) &* 0x9E37_79B9_7F4A_7C15) >> 24)
    }
}
