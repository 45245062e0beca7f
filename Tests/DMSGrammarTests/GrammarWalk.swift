import DMSTestSupport

@testable import DMSGrammar

/// Writes random texts of a grammar, token by token, and hurries to an end after a while.
struct GrammarWalk {
    let index: VocabularyIndex
    let tokens: [[UInt8]]
    static let end: Int32 = 0

    /// All bytes, so that every text can be written, and some longer tokens across the places where rules change.
    init() {
        let pieces = [
            "\":", "\": \"", "{\"", "\"}", "\"]", "],", "}}", ", \"", "tru", "e,", "10", ".5", "\\u00", "ab", "é",
        ]
        tokens = [[]] + (0...255).map { [UInt8($0)] } + pieces.map { Array($0.utf8) }
        index = VocabularyIndex(tokens.map { $0.isEmpty ? nil : $0 })
    }

    /// - Returns: The text, or `nil` when it had no end within the tokens allowed.
    func text(_ grammar: Grammar, _ generator: inout SeededGenerator, most: Int = 400) throws -> [UInt8]? {
        var constraint = OutputConstraint(TokenGrammar(grammar, index), endTokens: [Self.end])
        var text: [UInt8] = []
        // What closes things is preferred later on.
        let closing = Set("\"}]0e".utf8.map { Int32($0) + 1 } + [Self.end])
        for step in 0..<most {
            let allowed = try constraint.allowed()
            var choices = (0..<Int32(tokens.count)).filter { allowed.contains($0) }
            let ends = choices.filter { closing.contains($0) }
            if step > 40, !ends.isEmpty, generator.next() % 4 != 0 { choices = ends }
            // Bytes beyond ASCII and control are most of the vocabulary; texts should have others, too.
            let plain = choices.filter { $0 > 0x20 && $0 < 0x80 || $0 > 256 || $0 == 0 }
            if !plain.isEmpty, generator.next() % 4 != 0 { choices = plain }
            let token = choices[Int(generator.next() % UInt64(choices.count))]
            if token == Self.end { return text }
            constraint.append(token)
            text += tokens[Int(token)]
            if constraint.isComplete { return text }
        }
        return nil
    }
}
