/// Tokens that are matched in the text before anything else: control tokens and their like.
///
/// A byte trie, walked from every position: the longest match at the leftmost place wins, and text that starts nothing
/// costs one look-up per byte.
struct AddedTokens: Sendable {
    struct Token: Sendable {
        var id: Int32
        var isSpecial: Bool
        /// Whether white space before it is swallowed.
        var stripsLeft: Bool
        /// Whether white space after it is swallowed.
        var stripsRight: Bool
    }

    private var children: [UInt64: Int32] = [:]
    private var tokenOfNode: [Token?] = [nil]
    private var firstBytes = [Bool](repeating: false, count: 256)

    private var isEmpty: Bool { children.isEmpty }

    /// - Parameter content: Not empty.
    mutating func insert(_ content: [UInt8], _ token: Token) {
        firstBytes[Int(content[0])] = true
        var node: Int32 = 0
        for byte in content {
            let key = Self.key(node, byte)
            if let next = children[key] {
                node = next
            } else {
                node = Int32(tokenOfNode.count)
                children[key] = node
                tokenOfNode.append(nil)
            }
        }
        tokenOfNode[Int(node)] = token
    }

    /// Calls `onToken` for every match and `onText` for what lies between, in order.
    ///
    /// - Parameter parsesSpecial: Whether special tokens count; text that only they match stays text.
    func split(
        _ text: UnsafeBufferPointer<UInt8>, parsesSpecial: Bool,
        onText: (UnsafeBufferPointer<UInt8>) -> Void, onToken: (Int32) -> Void
    ) {
        var taken = 0
        var searched = 0
        while !isEmpty, let match = firstMatch(in: text, from: searched) {
            searched = match.range.upperBound
            if match.token.isSpecial, !parsesSpecial { continue }
            var (start, end) = (match.range.lowerBound, match.range.upperBound)
            if match.token.stripsLeft { start = max(Whitespace.start(endingAt: start, in: text, from: taken), taken) }
            // White space that the token before has swallowed is not walked again: it ends at `taken`.
            if match.token.stripsRight { end = Whitespace.end(startingAt: max(end, taken), in: text) }
            if start > taken { onText(UnsafeBufferPointer(rebasing: text[taken..<start])) }
            // A token whose white space the one before has swallowed whole is not there.
            if start >= end { continue }
            onToken(match.token.id)
            taken = end
        }
        if taken < text.count { onText(UnsafeBufferPointer(rebasing: text[taken...])) }
    }

    private typealias Match = (range: Range<Int>, token: Token)

    private func firstMatch(in text: UnsafeBufferPointer<UInt8>, from start: Int) -> Match? {
        for position in start..<text.count where firstBytes[Int(text[position])] {
            if let match = longestMatch(in: text, at: position) { return match }
        }
        return nil
    }

    private func longestMatch(in text: UnsafeBufferPointer<UInt8>, at position: Int) -> Match? {
        var node: Int32 = 0
        var found: Match?
        var end = position
        while end < text.count, let next = children[Self.key(node, text[end])] {
            node = next
            end += 1
            if let token = tokenOfNode[Int(node)] { found = (position..<end, token) }
        }
        return found
    }

    private static func key(_ node: Int32, _ byte: UInt8) -> UInt64 { UInt64(node) << 8 | UInt64(byte) }
}

/// White space (`\s`) in UTF-8.
private enum Whitespace {
    /// Where the white space that ends at `end` begins, not before `limit`.
    static func start(endingAt end: Int, in text: UnsafeBufferPointer<UInt8>, from limit: Int) -> Int {
        var start = end
        while start > limit {
            var lead = start - 1
            while lead > limit, text[lead] & 0xC0 == 0x80 { lead -= 1 }
            guard isWhitespace(text[lead..<start]) else { break }
            start = lead
        }
        return start
    }

    /// Where the white space that begins at `start` ends.
    static func end(startingAt start: Int, in text: UnsafeBufferPointer<UInt8>) -> Int {
        var end = start
        while end < text.count {
            var next = end + 1
            while next < text.count, text[next] & 0xC0 == 0x80 { next += 1 }
            guard isWhitespace(text[end..<next]) else { break }
            end = next
        }
        return end
    }

    private static func isWhitespace(_ scalar: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        String(decoding: scalar, as: UTF8.self).unicodeScalars.first?.properties.isWhitespace ?? false
    }
}
