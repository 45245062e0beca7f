/// Reads lines from a person at a terminal, who may move in them, correct them and fetch earlier ones.
///
/// The pure parts are ``KeyDecoder``, ``LineBuffer`` and ``LineHistory``; this one has the terminal.
public struct LineEditor {
    /// What a person answered.
    public enum Answer: Sendable, Hashable {
        case line(String)
        /// Ctrl-C.
        case interrupted
        /// Ctrl-D in an empty line, one that was typed before the first prompt, or the terminal is gone.
        case end
    }

    private var history = LineHistory()
    /// Until the first prompt the terminal was nobody's, and did to input what terminals do.
    private var hasPrompted = false

    public init() {}

    /// Shows a prompt and reads a line.
    public mutating func read(prompt: String) -> Answer {
        Terminal.with(.raw) {
            // Text that is pasted is to arrive as such, line breaks and all.
            Terminal.write("\u{1B}[?2004h")
            defer { Terminal.write("\u{1B}[?2004l\r\n") }
            return edit(prompt)
        }
    }

    private mutating func edit(_ prompt: String) -> Answer {
        var decoder = KeyDecoder()
        var buffer = LineBuffer()
        var shown = LineLayout.Place()
        // A Ctrl-D from before: a mark in the terminal's usual mode, which reads as zero once that mode has changed.
        var mayBeEarlyEnd = !hasPrompted && Terminal.hasInput(within: 0)
        hasPrompted = true
        draw(prompt, buffer, &shown)
        while true {
            if decoder.isAmbiguous, !Terminal.hasInput(within: 50) { decoder.settle() }
            guard let byte = Terminal.read() else { return .end }
            if mayBeEarlyEnd, byte == 0 { return .end }
            mayBeEarlyEnd = false
            guard let key = decoder.take(byte) else { continue }
            switch key {
            case .enter:
                buffer.moveToEnd()
                draw(prompt, buffer, &shown)
                history.add(buffer.text)
                return .line(buffer.text)
            case .interrupt:
                buffer.moveToEnd()
                draw(prompt, buffer, &shown)
                Terminal.write("^C")
                return .interrupted
            case .endOrDelete where buffer.text.isEmpty: return .end
            case .clearScreen:
                Terminal.write("\u{1B}[2J\u{1B}[H")
                shown = LineLayout.Place()
            default: apply(key, &buffer)
            }
            // Everything that is there already is taken before it is shown.
            if !Terminal.hasInput(within: 0) || key == .clearScreen { draw(prompt, buffer, &shown) }
        }
    }

    private mutating func apply(_ key: Key, _ buffer: inout LineBuffer) {
        switch key {
        case .text(let text): buffer.insert(text)
        case .lineBreak: buffer.insert("\n")
        case .backspace: buffer.deleteBackward()
        case .delete, .endOrDelete: buffer.deleteForward()
        case .left: buffer.move(by: -1)
        case .right: buffer.move(by: 1)
        case .home: buffer.moveToStart()
        case .end: buffer.moveToEnd()
        case .wordLeft: buffer.moveByWord(forward: false)
        case .wordRight: buffer.moveByWord(forward: true)
        case .cutToStart: buffer.cutToStart()
        case .cutToEnd: buffer.cutToEnd()
        case .cutWord: buffer.cutWord()
        case .yank: buffer.yank()
        case .up: if let line = history.back(from: buffer.text) { buffer.set(line) }
        case .down: if let line = history.forward() { buffer.set(line) }
        case .enter, .interrupt, .clearScreen, .other: break
        }
    }

    /// Writes prompt and text over what was there.
    ///
    /// - Parameter shown: Where the cursor stands, relative to where the prompt begins.
    private func draw(_ prompt: String, _ buffer: LineBuffer, _ shown: inout LineLayout.Place) {
        let layout = LineLayout(prompt: prompt, buffer, columns: Terminal.columns)
        var output = shown.row > 0 ? "\u{1B}[\(shown.row)A" : ""
        output += "\r\u{1B}[J" + prompt
        // Raw terminals do not go to the left by themselves.
        output += buffer.text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")
        if layout.endsFullRow { output += "\r\n" }
        if layout.end.row > layout.cursor.row { output += "\u{1B}[\(layout.end.row - layout.cursor.row)A" }
        output += "\r" + (layout.cursor.column > 0 ? "\u{1B}[\(layout.cursor.column)C" : "")
        Terminal.write(output)
        shown = layout.cursor
    }
}
