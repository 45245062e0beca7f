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
