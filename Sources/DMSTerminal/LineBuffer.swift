/// A text that is being written, and where the cursor stands in it: between characters as people see them.
public struct LineBuffer: Sendable, Hashable {
    public private(set) var text = ""
    /// Characters before the cursor.
    public private(set) var cursor = 0
    private var cut = ""

    public init(_ text: String = "") { set(text) }

    /// Replaces the text; the cursor stands behind it.
    public mutating func set(_ text: String) {
        self.text = text
        cursor = text.count
    }

    private var place: String.Index { text.index(text.startIndex, offsetBy: cursor) }
    /// What stands before the cursor.
    public var before: Substring { text[..<place] }
    private var behind: Substring { text[place...] }

    /// What is inserted may become one character with what stands before it.
    public mutating func insert(_ new: String) {
        let start = String(before) + new
        let end = behind
        cursor = start.count
        text = start + end
        // Joined characters may be fewer than the parts had.
        cursor = min(cursor, text.count)
    }

    public mutating func move(by distance: Int) { cursor = min(max(cursor + distance, 0), text.count) }
    public mutating func moveToStart() { cursor = 0 }
    public mutating func moveToEnd() { cursor = text.count }
    public mutating func moveByWord(forward: Bool) { cursor = forward ? nextWord : lastWord }

    public mutating func deleteBackward() { if cursor > 0 { remove(cursor - 1..<cursor) } }
    public mutating func deleteForward() { if cursor < text.count { remove(cursor..<cursor + 1) } }

    public mutating func cutToStart() { cut(0..<cursor) }
    public mutating func cutToEnd() { cut(cursor..<text.count) }
    public mutating func cutWord() { cut(lastWord..<cursor) }
    public mutating func yank() { insert(cut) }

    private mutating func cut(_ range: Range<Int>) {
        if range.isEmpty { return }
        let characters = Array(text)
        cut = String(characters[range])
        remove(range)
    }

    private mutating func remove(_ range: Range<Int>) {
        var characters = Array(text)
        characters.removeSubrange(range)
        text = String(characters)
        cursor = min(range.lowerBound, text.count)
    }

    /// Where the word before the cursor begins.
    private var lastWord: Int {
        let characters = Array(before)
        var index = characters.count
        while index > 0, characters[index - 1].isWhitespace { index -= 1 }
        while index > 0, !characters[index - 1].isWhitespace { index -= 1 }
        return index
    }

    /// Where the word behind the cursor ends.
    private var nextWord: Int {
        let characters = Array(text)
        var index = cursor
        while index < characters.count, characters[index].isWhitespace { index += 1 }
        while index < characters.count, !characters[index].isWhitespace { index += 1 }
        return index
    }
}
