/// XXH64 (Yann Collet), a checksum of a stream of bytes: against damage, not against malice.
package struct XXHash64: Sendable {
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5
    private static let stripe = 32

    private typealias Lanes = (UInt64, UInt64, UInt64, UInt64)

    private var lanes: Lanes = (Self.prime1 &+ Self.prime2, Self.prime2, 0, 0 &- Self.prime1)
    /// Bytes that do not fill a stripe yet.
    private var pending: [UInt8] = []
    private var count: UInt64 = 0

    package init() { pending.reserveCapacity(Self.stripe) }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        count &+= UInt64(bytes.count)
        var rest = bytes
        var lanes = self.lanes
        defer { self.lanes = lanes }
        if !pending.isEmpty {
            let missing = min(Self.stripe - pending.count, rest.count)
            pending.append(contentsOf: rest[..<missing])
            rest = UnsafeRawBufferPointer(rebasing: rest[missing...])
            if pending.count < Self.stripe { return }
            pending.withUnsafeBytes { Self.mix($0, at: 0, into: &lanes) }
            pending.removeAll(keepingCapacity: true)
        }
        var offset = 0
        while rest.count - offset >= Self.stripe {
            Self.mix(rest, at: offset, into: &lanes)
            offset += Self.stripe
        }
        pending.append(contentsOf: rest[offset...])
    }

    private static func mix(_ bytes: UnsafeRawBufferPointer, at offset: Int, into lanes: inout Lanes) {
        lanes.0 = round(lanes.0, word(bytes, offset))
        lanes.1 = round(lanes.1, word(bytes, offset + 8))
        lanes.2 = round(lanes.2, word(bytes, offset + 16))
        lanes.3 = round(lanes.3, word(bytes, offset + 24))
    }

    /// The checksum of all bytes so far.
    package var digest: UInt64 {
        var hash = Self.prime5
        if count >= UInt64(Self.stripe) {
            hash =
                Self.rotated(lanes.0, 1) &+ Self.rotated(lanes.1, 7) &+ Self.rotated(lanes.2, 12)
                &+ Self.rotated(lanes.3, 18)
            for lane in [lanes.0, lanes.1, lanes.2, lanes.3] {
                hash = (hash ^ Self.round(0, lane)) &* Self.prime1 &+ Self.prime4
            }
        }
        hash &+= count
        return Self.avalanche(pending.withUnsafeBytes { Self.finish(hash, $0) })
    }

    /// Bytes that fill no stripe.
    private static func finish(_ start: UInt64, _ rest: UnsafeRawBufferPointer) -> UInt64 {
        var hash = start
        var offset = 0
        while rest.count - offset >= 8 {
            hash = rotated(hash ^ round(0, word(rest, offset)), 27) &* prime1 &+ prime4
            offset += 8
        }
        if rest.count - offset >= 4 {
            let half = UInt64(UInt32(littleEndian: rest.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
            hash = rotated(hash ^ half &* prime1, 23) &* prime2 &+ prime3
            offset += 4
        }
        for byte in rest[offset...] { hash = rotated(hash ^ UInt64(byte) &* prime5, 11) &* prime1 }
        return hash
    }

    private static func avalanche(_ value: UInt64) -> UInt64 {
        var hash = (value ^ value >> 33) &* prime2
        hash = (hash ^ hash >> 29) &* prime3
        return hash ^ hash >> 32
    }

    private static func round(_ lane: UInt64, _ input: UInt64) -> UInt64 {
        rotated(lane &+ input &* prime2, 31) &* prime1
    }

    private static func rotated(_ value: UInt64, _ bits: UInt64) -> UInt64 { value << bits | value >> (64 - bits) }

    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}
