/// The tokens of one micro-step: sequences of equal length, row `s · length + t`.
public struct TokenBatch: Sendable, Hashable {
    /// The tokens of one sequence after those of the other.
    public let tokens: [Int32]
    /// Sequences.
    public let sequences: Int
    /// Tokens of each.
    public let length: Int

    /// - Precondition: The sequences are not empty and equally long.
    public init(_ sequences: [[Int32]]) {
        precondition(
            sequences.allSatisfy { $0.count == sequences[0].count && !$0.isEmpty }, "sequences of unequal length")
        tokens = sequences.flatMap { $0 }
        self.sequences = sequences.count
        length = sequences[0].count
    }

    /// Tokens in all.
    public var rows: Int { tokens.count }
}
