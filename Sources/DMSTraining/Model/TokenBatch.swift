/// The tokens of one micro-step: sequences of equal length, row `s · length + t`.
public struct TokenBatch: Sendable, Hashable {
    public let tokens: [Int32]
    public let sequences: Int
    public let length: Int

    /// - Precondition: The sequences are not empty and equally long.
    public init(_ sequences: [[Int32]]) {
        precondition(
            sequences.allSatisfy { $0.count == sequences[0].count && !$0.isEmpty }, "sequences of unequal length")
        tokens = sequences.flatMap { $0 }
        self.sequences = sequences.count
        length = sequences[0].count
    }

    public var rows: Int { tokens.count }
}
