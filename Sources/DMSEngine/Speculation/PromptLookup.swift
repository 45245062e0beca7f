/// Guesses how a sequence of tokens goes on: as it did before, behind the same tokens (Saxena, "Prompt Lookup Decoding",
/// 2023; LLMA of Yang et al., arXiv 2304.04487).
///
/// Places are found as Lempel-Ziv compressors find theirs: a table has, for a hash of the last ``shortest`` tokens, the
/// latest place behind such tokens, and each place the one before it. Of the latest places the one counts that agrees in
/// most tokens, ``longest`` at most, and of equal ones the latest. Tokens are compared, so a hash that two have in
/// common costs time and nothing else. A guess that reaches the end of what is known goes on with its own beginning, so
/// that what repeats with any period is guessed at any length.
///
/// A token costs O(`shortest`) once, a guess O(``candidates`` × `longest`), and each token 8 to 12 bytes.
struct PromptLookup: Sendable {
    /// Places that are compared for a guess.
    static let candidates = 16
    private static let smallestTable = 64

    let shortest: Int
    let longest: Int
    /// Tokens that are in the table.
    private(set) var count = 0
    /// By hash, the latest place: the number of tokens up to the end of the match; 0 for none.
    private var latest: [Int32]
    /// By place, the one before with the same hash.
    private var earlier: [Int32] = [0]

    init(shortest: Int, longest: Int) {
        precondition(1 <= shortest && shortest <= longest, "matches of \(shortest) to \(longest) tokens")
        self.shortest = shortest
        self.longest = longest
        latest = Array(repeating: 0, count: Self.smallestTable)
    }

    /// Takes in what a sequence has grown by since the last call.
    mutating func extend(to tokens: [Int32]) {
        precondition(tokens.count >= count, "a sequence that shrinks")
        var size = latest.count
        while size < tokens.count { size *= 2 }
        if size > latest.count {
            latest = Array(repeating: 0, count: size)
            for place in 1..<max(1, count + 1) { enter(place, tokens) }
        }
        while count < tokens.count {
            count += 1
            earlier.append(0)
            enter(count, tokens)
        }
    }

    private mutating func enter(_ place: Int, _ tokens: [Int32]) {
        if place < shortest { return }
        let slot = slot(place, tokens)
        earlier[place] = latest[slot]
        latest[slot] = Int32(place)
    }

    /// Where the table has the tokens before a place: the upper bits of a product, which depend on all of the lower.
    private func slot(_ place: Int, _ tokens: [Int32]) -> Int {
        var hash: UInt64 = 0
        for index in place - shortest..<place {
            hash = (hash ^ UInt64(UInt32(bitPattern: tokens[index]))) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 32
        }
        let bits = latest.count.trailingZeroBitCount
        return Int((hash &* 0x9E37_79B9_7F4A_7C15) >> UInt64(64 - bits))
    }

    /// The next tokens of a sequence, as far as its past tells.
    ///
    /// - Parameters:
    ///   - tokens: Those that were taken in last.
    ///   - limit: How many to guess.
    /// - Returns: So many, or none.
    func guess(after tokens: [Int32], limit: Int) -> [Int32] {
        precondition(tokens.count == count, "\(tokens.count) tokens, \(count) in the table")
        guard limit > 0, let place = bestPlace(tokens) else { return [] }
        var guess: [Int32] = []
        for index in place..<place + limit {
            guess.append(index < count ? tokens[index] : guess[index - count])
        }
        return guess
    }

    private func bestPlace(_ tokens: [Int32]) -> Int? {
        if count < shortest { return nil }
        var best: Int?
        var bestLength = shortest - 1
        var place = Int(earlier[count])
        var seen = 0
        while place > 0, seen < Self.candidates, bestLength < longest {
            let length = agreement(place, tokens)
            if length > bestLength { (best, bestLength) = (place, length) }
            place = Int(earlier[place])
            seen += 1
        }
        return best
    }

    /// Tokens before a place that are those before the end, ``longest`` at most.
    private func agreement(_ place: Int, _ tokens: [Int32]) -> Int {
        var length = 0
        while length < min(longest, place), tokens[place - 1 - length] == tokens[count - 1 - length] { length += 1 }
        return length
    }
}
