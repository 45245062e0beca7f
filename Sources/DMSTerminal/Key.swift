/// What a person did with the keyboard.
public enum Key: Sendable, Hashable {
    /// Text, a scalar at a time or as it was pasted.
    case text(String)
    case enter
    /// A line break within the text.
    case lineBreak
    case backspace, delete
    case left, right, up, down, home, end, wordLeft, wordRight
    /// Cuts what is before or behind the cursor, or the word before it; ``yank`` puts it back.
    case cutToStart, cutToEnd, cutWord, yank
    case clearScreen
    case interrupt
    /// The end of input, or the character behind the cursor where there is one.
    case endOrDelete
    /// Something that means nothing here.
    case other
}
