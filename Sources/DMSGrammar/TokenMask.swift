/// A set of tokens, a bit for each of the vocabulary.
public struct TokenMask: Sendable, Hashable {
    private var words: [UInt64]
    /// Tokens that are allowed.
    public private(set) var count = 0

    /// No token.
    public init(vocabularySize: Int) { words = Array(repeating: 0, count: (vocabularySize + 63) / 64) }

    /// Whether none is.
    public var isEmpty: Bool { count == 0 }

    /// - Precondition: The token is one of the vocabulary.
    public mutating func insert(_ token: Int32) {
        guard !contains(token) else { return }
        words[Int(token) >> 6] |= 1 << UInt64(token & 63)
        count += 1
    }

    /// Forbids a token.
    public mutating func remove(_ token: Int32) {
        guard contains(token) else { return }
        words[Int(token) >> 6] &= ~(1 << UInt64(token & 63))
        count -= 1
    }

    /// Tokens beyond the vocabulary are not in it.
    public func contains(_ token: Int32) -> Bool {
        let word = Int(token) >> 6
        return words.indices.contains(word) && words[word] >> UInt64(token & 63) & 1 != 0
    }

    /// Goes through the tokens in ascending order.
    public func forEach(_ body: (Int32) -> Void) {
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                body(Int32(index << 6 + rest.trailingZeroBitCount))
                rest &= rest - 1
            }
        }
    }
}
