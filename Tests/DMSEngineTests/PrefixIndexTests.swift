import DMSTestSupport
import Testing

@testable import DMSEngine

/// The tree of stored prefixes, against a list of them.
@Suite("Prefix index")
struct PrefixIndexTests {
    private static func tokens(_ text: String) -> [Int32] { text.unicodeScalars.map { Int32($0.value) } }

    @Test("a prompt matches in whole blocks, as far as its tokens are the same")
    func matches() {
        var index = PrefixIndex(blockTokens: 3)
        index.insert(Self.tokens("abcdefghi"), count: 9, salt: nil, sequence: -1)
        index.insert(Self.tokens("abcxyz"), count: 6, salt: nil, sequence: -2)
        // The tokens known, then the sequences.
        func match(_ text: String) -> [Int] {
            let match = index.match(Self.tokens(text), salt: nil)
            return [match.known] + match.entries.map(\.sequence)
        }
        #expect(match("abcdefghijkl") == [9, -1])
        #expect(match("abcdefgh") == [6])
        #expect(match("abcxyzabc") == [6, -2])
        #expect(match("abcdxfghi") == [3])
        #expect(match("ab") == [0])
        #expect(match("bcdefghi") == [0])
        index.insert(Self.tokens("abc"), count: 3, salt: nil, sequence: -3)
        #expect(match("abcdefghi") == [9, -3, -1])
        #expect(index.count == 3 && index.nodeCount == 4)
        index.remove(sequence: -1)
        #expect(match("abcdefghi") == [3, -3])
        #expect(index.nodeCount == 2)
        index.remove(sequence: -3)
        #expect(match("abcxyz") == [6, -2])
        index.remove(sequence: -2)
        #expect(index.isEmpty && index.nodeCount == 0)
    }

    @Test("salts see nothing of each other")
    func salts() {
        var index = PrefixIndex(blockTokens: 2)
        let prompt = Self.tokens("abcd")
        index.insert(prompt, count: 4, salt: "one", sequence: -1)
        #expect(index.match(prompt, salt: nil) == .init() && index.match(prompt, salt: "two") == .init())
        index.insert(prompt, count: 4, salt: nil, sequence: -2)
        index.insert(prompt, count: 4, salt: "", sequence: -3)
        #expect(index.match(prompt, salt: nil).entries.map(\.sequence) == [-2])
        #expect(index.match(prompt, salt: "").entries.map(\.sequence) == [-3])
        #expect(index.match(prompt, salt: "one").entries.map(\.sequence) == [-1])
    }

    @Test("what was not used for the longest time goes first, and of equals the longest")
    func order() {
        var index = PrefixIndex(blockTokens: 1)
        index.insert(Self.tokens("ab"), count: 2, salt: nil, sequence: -1)
        index.insert(Self.tokens("abcd"), count: 4, salt: nil, sequence: -2)
        index.insert(Self.tokens("xy"), count: 2, salt: nil, sequence: -3)
        index.touch(index.match(Self.tokens("abcd"), salt: nil).entries)
        var order: [Int] = []
        #expect(index.leastRecent(but: [-1, -2, -3]) == nil)
        #expect(index.leastRecent(but: [-3])?.sequence == -2)
        while let entry = index.leastRecent() {
            order.append(entry.sequence)
            index.remove(sequence: entry.sequence)
        }
        #expect(order == [-3, -2, -1])
    }

    @Test("random lives agree with a list", arguments: 0..<40 as Range<UInt64>)
    func random(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let block = Int.random(in: 1...4, using: &random)
        var index = PrefixIndex(blockTokens: block)
        var list: [(tokens: [Int32], salt: String?, sequence: Int)] = []
        for step in 1...300 {
            // Few different tokens, so that much is shared.
            let prompt = (0..<Int.random(in: 0...20, using: &random)).map { _ in
                Int32.random(in: 0..<2, using: &random)
            }
            let salt = ["a", nil][Int.random(in: 0..<2, using: &random)]
            let own = list.filter { $0.salt == salt }
            let expected = own.filter { prompt.starts(with: $0.tokens) }.sorted { $0.tokens.count < $1.tokens.count }
            let match = index.match(prompt, salt: salt)
            #expect(match.entries.map(\.sequence) == expected.map(\.sequence))
            #expect(match.entries.map(\.count) == expected.map(\.tokens.count))
            let known = own.map { zip($0.tokens, prompt).prefix { $0 == $1 }.count / block * block }.max() ?? 0
            #expect(match.known == known)
            let count = prompt.count / block * block
            if Bool.random(using: &random), count > 0, !expected.contains(where: { $0.tokens.count == count }) {
                index.insert(prompt, count: count, salt: salt, sequence: -step)
                list.append((Array(prompt[..<count]), salt, -step))
            } else if !list.isEmpty, Int.random(in: 0..<3, using: &random) == 0 {
                let gone = list.remove(at: Int.random(in: list.indices, using: &random))
                index.remove(sequence: gone.sequence)
            }
            #expect(index.sequences == Set(list.map(\.sequence)))
        }
        for entry in list { index.remove(sequence: entry.sequence) }
        #expect(index.nodeCount == 0)
    }
}
