public import DMSTokenizer

/// The tokens of a vocabulary in the order of their bytes, so that a walk over all of them reads what neighbours have
/// in common once.
///
/// Special tokens and those without bytes are left out: they write nothing.
public struct VocabularyIndex: Sendable {
    /// Tokens of the vocabulary, left-out ones included.
    public let vocabularySize: Int
    let ids: [Int32]
    /// The bytes of `ids[i]` are `bytes[offsets[i]..<offsets[i + 1]]`.
    private let bytes: [UInt8]
    private let offsets: [Int32]
    /// How many of a token's bytes are also the beginning of the token before it.
    private let shared: [Int32]
    /// Where a token stands in `ids`; −1 for those that are left out.
    private let places: [Int32]
    private let longestToken: Int

    /// What a walk may look at of a grammar's readers: some tenths of a second, which only ambiguous grammars take.
    static let mostWork = 1 << 21

    /// - Parameter vocabularySize: Tokens that the model has; further ones of the tokenizer are left out.
    /// - Complexity: O(n log n) comparisons of tokens; some 0.1 s for 128,000.
    public init(_ tokenizer: Tokenizer, vocabularySize: Int) {
        let special = tokenizer.specialTokenIDs
        self.init(
            (0..<Int32(min(tokenizer.vocabularySize, vocabularySize))).map {
                special.contains($0) ? nil : tokenizer.bytes(of: $0)
            })
    }

    /// The bytes of each token in order of id; `nil` leaves one out.
    init(_ tokens: [[UInt8]?]) {
        vocabularySize = tokens.count
        var entries = tokens.enumerated().compactMap { index, bytes in
            bytes.flatMap { $0.isEmpty ? nil : (id: Int32(index), bytes: $0) }
        }
        entries.sort { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        ids = entries.map(\.id)
        bytes = entries.flatMap(\.bytes)
        var offsets: [Int32] = [0], shared: [Int32] = []
        var places = [Int32](repeating: -1, count: tokens.count)
        for (index, entry) in entries.enumerated() {
            offsets.append(offsets[index] + Int32(entry.bytes.count))
            let common = index == 0 ? 0 : zip(entries[index - 1].bytes, entry.bytes).prefix { $0 == $1 }.count
            shared.append(Int32(common))
            places[Int(entry.id)] = Int32(index)
        }
        self.offsets = offsets
        self.shared = shared
        self.places = places
        longestToken = entries.map(\.bytes.count).max() ?? 0
    }

    /// What a token writes; `nil` for those that are left out.
    func bytes(of token: Int32) -> ArraySlice<UInt8>? {
        guard places.indices.contains(Int(token)), places[Int(token)] >= 0 else { return nil }
        let place = Int(places[Int(token)])
        return bytes[Int(offsets[place])..<Int(offsets[place + 1])]
    }

    /// The tokens whose bytes may come next.
    ///
    /// - Complexity: At most the bytes of all tokens, a look into a table each.
    /// - Throws: ``ConstraintError/tooComplex`` when the grammar is too ambiguous to be read in a bounded time.
    func allowed(
        _ automaton: inout GrammarAutomaton, from state: GrammarAutomaton.State
    ) throws(ConstraintError) -> TokenMask {
        var mask = TokenMask(vocabularySize: vocabularySize)
        let limit = automaton.work + Self.mostWork
        // The states after each byte of the token in work that led to one, `count` of them.
        var states = [GrammarAutomaton.State](repeating: state, count: longestToken + 1)
        var count = 1
        for index in ids.indices {
            let common = Int(shared[index])
            // The beginning that it shares with the token before led nowhere.
            if common >= count { continue }
            count = common + 1
            let end = Int(offsets[index + 1])
            var next = Int(offsets[index]) + common
            while next < end {
                let target = automaton.step(states[count - 1], bytes[next])
                if target == GrammarAutomaton.dead { break }
                states[count] = target
                count += 1
                next += 1
            }
            if next == end { mask.insert(ids[index]) }
            if automaton.work > limit { throw .tooComplex }
        }
        return mask
    }
}
