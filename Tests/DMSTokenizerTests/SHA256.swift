/// SHA-256 (FIPS 180-4), for comparing with golden digests.
enum SHA256 {
    /// Fractional parts of the cube roots of the first 64 primes.
    private static let constants: [UInt32] = primes(64).map { fraction(of: $0, root: 3) }
    /// Fractional parts of the square roots of the first 8 primes.
    private static let start: [UInt32] = primes(8).map { fraction(of: $0, root: 2) }

    static func hexadecimal(of message: [UInt8]) -> String {
        var state = start
        let zeros = (119 - message.count % 64) % 64
        let length = withUnsafeBytes(of: UInt64(message.count * 8).bigEndian) { Array($0) }
        let padded = message + [0x80] + [UInt8](repeating: 0, count: zeros) + length
        for block in stride(from: 0, to: padded.count, by: 64) { compress(padded[block..<block + 64], &state) }
        return state.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }

    private static func compress(_ block: ArraySlice<UInt8>, _ state: inout [UInt32]) {
        var words = [UInt32](repeating: 0, count: 64)
        for (index, byte) in block.enumerated() { words[index / 4] = words[index / 4] << 8 | UInt32(byte) }
        for t in 16..<64 {
            let (a, b) = (words[t - 15], words[t - 2])
            let small0 = rotated(a, 7) ^ rotated(a, 18) ^ a >> 3
            let small1 = rotated(b, 17) ^ rotated(b, 19) ^ b >> 10
            words[t] = words[t - 16] &+ small0 &+ words[t - 7] &+ small1
        }
        var (a, b, c, d, e, f, g, h) = (
            state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]
        )
        for t in 0..<64 {
            let big1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)
            let choice = (e & f) ^ (~e & g)
            let first = h &+ big1 &+ choice &+ constants[t] &+ words[t]
            let big0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)
            let majority = (a & b) ^ (a & c) ^ (b & c)
            (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ big0 &+ majority)
        }
        for (index, value) in [a, b, c, d, e, f, g, h].enumerated() { state[index] &+= value }
    }

    private static func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 { word >> count | word << (32 - count) }

    private static func primes(_ count: Int) -> [UInt64] {
        var found: [UInt64] = []
        var candidate: UInt64 = 2
        while found.count < count {
            if found.allSatisfy({ candidate % $0 != 0 }) { found.append(candidate) }
            candidate += 1
        }
        return found
    }

    /// The first 32 bits after the point of a square or cube root, by bisection in integers.
    private static func fraction(of number: UInt64, root: Int) -> UInt32 {
        // The largest r with r^root <= number * 2^(32 * root).
        var low: UInt64 = 0
        var high: UInt64 = 1 << 37
        while high - low > 1 {
            let middle = (low + high) / 2
            let power =
                root == 2 ? UInt128(middle) * UInt128(middle) : UInt128(middle) * UInt128(middle) * UInt128(middle)
            if power <= UInt128(number) << UInt128(32 * root) { low = middle } else { high = middle }
        }
        return UInt32(truncatingIfNeeded: low)
    }
}
