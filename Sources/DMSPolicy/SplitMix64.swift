/// A seeded generator that gives the same numbers on every machine (Steele, Lea and Flood, OOPSLA 2014).
package struct SplitMix64: Sendable {
    private var state: UInt64

    /// Seeds that differ in any of the values give unrelated streams.
    package init(_ values: UInt64...) {
        state = 0
        for value in values { state = Self.mixed(state ^ value) }
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.finalised(state)
    }

    /// Below `bound`; the bias of at most bound / 2⁶⁴ does not matter for what is drawn here.
    package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    /// An element of a list that is not empty.
    package mutating func pick<T>(_ list: [T]) -> T { list[below(list.count)] }

    /// The first `count` elements of a random order (Fisher and Yates).
    package mutating func sample<T>(_ count: Int, of list: [T]) -> [T] {
        precondition(count <= list.count, "\(count) of \(list.count) elements")
        var list = list
        for index in 0..<count { list.swapAt(index, index + below(list.count - index)) }
        return Array(list.prefix(count))
    }

    /// A hash of 64 bits that maps no two values to one: the golden-ratio increment and the finaliser.
    package static func mixed(_ value: UInt64) -> UInt64 { finalised(value &+ 0x9E37_79B9_7F4A_7C15) }

    private static func finalised(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
