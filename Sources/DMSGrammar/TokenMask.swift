/// A set of tokens, a bit for each of the vocabulary.
public struct TokenMask: Sendable, Hashable {
    private var words: [UInt64]
    public private(set) var count = 0

    /// No token.
    public init(vocabularySize: Int) { words = Array(repeating: 0, count: (vocabularySize + 63) / 64) }

    public var isEmpty: Bool { count == 0 }

    public mutating func insert(_ token: Int32) {
        guard !contains(token) else { return }
        words[Int(token) >> 6] |= 1 << UInt64(token & 63)
        count += 1
    }

    /// Tokens beyond the vocabulary are not in it.
    public func contains(_ token: Int32) -> Bool {
        let word = Int(token) >> 6
        return word < words.count && words[word] >> UInt64(token & 63) & 1 != 0
    }
}
