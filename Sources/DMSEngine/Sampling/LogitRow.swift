/// A row of logits, read in blocks: vocabularies are large, and every token of every stream looks at one.
extension UnsafeBufferPointer<Float> {
    private typealias Block = SIMD16<Float>

    /// The position of the first number that is NaN or infinite.
    var firstNotFinite: Int? {
        var zeros = Block.zero
        let rest = forEachBlock { zeros += $0 * 0 }
        // What is not finite, times zero, is NaN, and so is every sum with it.
        if zeros.sum() == 0, self[rest...].allSatisfy(\.isFinite) { return nil }
        return firstIndex { !$0.isFinite }
    }

    /// The position of the largest number; of equal ones the first.
    ///
    /// - Precondition: There is one, and none is NaN.
    var largestIndex: Int {
        var largest = Block(repeating: -.infinity)
        let rest = forEachBlock { largest.replace(with: $0, where: $0 .> largest) }
        let value = self[rest...].reduce(largest.max()) { Swift.max($0, $1) }
        return firstIndex(of: value) ?? 0
    }

    /// Writes e to each number less `largest`, which is the largest of them.
    func exponentials(less largest: Float, into output: UnsafeMutableBufferPointer<Float>) {
        let shift = Block(repeating: largest)
        var start = 0
        let rest = forEachBlock { block in
            let powers = (block - shift).exponentialOfNegative
            UnsafeMutableRawPointer(output.baseAddress.unsafelyUnwrapped + start).storeBytes(of: powers, as: Block.self)
            start += Block.scalarCount
        }
        var last = Block.zero
        for index in rest..<count { last[index - rest] = self[index] - largest }
        let powers = last.exponentialOfNegative
        for index in rest..<count { output[index] = powers[index - rest] }
    }

    /// The sum, of sums of blocks.
    var total: Double {
        var total = 0.0
        let rest = forEachBlock { total += Double($0.sum()) }
        return self[rest...].reduce(total) { $0 + Double($1) }
    }

    /// The first position at which the sum up to and with it is above a number: a sum of ``total``'s blocks and, in the
    /// last of them, of its numbers.
    func position(passing target: Double) -> Int? {
        var before = 0.0, start = 0
        var found: Int?
        let rest = forEachBlock { block in
            if found != nil { return }
            let after = before + Double(block.sum())
            if after > target { found = start } else { before = after }
            start += Block.scalarCount
        }
        let first = found ?? rest
        let end = found.map { $0 + Block.scalarCount } ?? count
        for index in first..<end {
            before += Double(self[index])
            if before > target { return index }
        }
        // The block's own sum was rounded up to beyond the target.
        return found.map { first in (first..<end).last { self[$0] > 0 } ?? first }
    }

    /// Hands out whole blocks.
    ///
    /// - Returns: Where the rest begins.
    @inline(__always)
    private func forEachBlock(_ body: (Block) -> Void) -> Int {
        let rest = count - count % Block.scalarCount
        guard let base = baseAddress else { return rest }
        for start in stride(from: 0, to: rest, by: Block.scalarCount) {
            body(UnsafeRawPointer(base + start).loadUnaligned(as: Block.self))
        }
        return rest
    }
}

extension SIMD16<Float> {
    /// The powers of e of these numbers, which are 0 or less: within 3e-7 of themselves, and 0 below -87.
    ///
    /// 2^n times the Taylor polynomial of a rest within ±ln(2)/2, whose next term is below 6e-9.
    var exponentialOfNegative: Self {
        // Adding it rounds to an integer, which is then in the low bits.
        let rounder = Self(repeating: 0x1.8p23)
        let shifted = self * 0x1.715476p0 + rounder
        let power = shifted - rounder
        // ln(2) in two parts, the first of so few bits that its multiples are exact.
        let rest = self - power * 0x1.62ep-1 - power * 0x1.0bfbe8p-15
        var sum = Self(repeating: 1 / 5040)
        for coefficient: Float in [1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1, 1] { sum = sum * rest + coefficient }
        let exponent = unsafeBitCast(shifted, to: SIMD16<UInt32>.self) &- Self.bitsOfRounder &+ 127
        let scale = unsafeBitCast(exponent &<< 23, to: Self.self)
        return (sum * scale).replacing(with: 0, where: self .< -87)
    }

    private static let bitsOfRounder = SIMD16<UInt32>(repeating: Float(0x1.8p23).bitPattern)
}
