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
    let bytes: [UInt8]
    let offsets: [Int32]
    /// How many of a token's bytes are also the beginning of the token before it.
    let shared: [Int32]

    /// - Complexity: O(n log n) comparisons of tokens; some 0.1 s for 128,000.
    public init(_ tokenizer: Tokenizer) {
        let special = tokenizer.specialTokenIDs
        self.init(
            (0..<Int32(tokenizer.vocabularySize)).map { special.contains($0) ? nil : tokenizer.bytes(of: $0) })
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
        for (index, entry) in entries.enumerated() {
            offsets.append(offsets[index] + Int32(entry.bytes.count))
            let common = index == 0 ? 0 : zip(entries[index - 1].bytes, entry.bytes).prefix { $0 == $1 }.count
            shared.append(Int32(common))
        }
        self.offsets = offsets
        self.shared = shared
    }

    /// The tokens whose bytes may come next.
    func allowed(_ automaton: inout GrammarAutomaton, from state: GrammarAutomaton.State) -> TokenMask {
        var mask = TokenMask(vocabularySize: vocabularySize)
        // The states after each byte of the token in work that led to one.
        var states = [state]
        for index in ids.indices {
            let common = Int(shared[index])
            // The beginning that it shares with the token before led nowhere.
            if common >= states.count { continue }
            states.removeSubrange((common + 1)...)
            let end = Int(offsets[index + 1])
            var next = Int(offsets[index]) + common
            while next < end {
                let target = automaton.step(states[states.count - 1], bytes[next])
                if target == GrammarAutomaton.dead { break }
                states.append(target)
                next += 1
            }
            if next == end { mask.insert(ids[index]) }
        }
        return mask
    }
}
