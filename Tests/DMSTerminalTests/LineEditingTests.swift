import DMSTestSupport
import Testing

@testable import DMSTerminal

@Suite("Line editing")
struct LineEditingTests {
    private static func keys(_ bytes: [UInt8]) -> [Key] {
        var decoder = KeyDecoder()
        return bytes.compactMap { decoder.take($0) }
    }

    private static func keys(_ text: String) -> [Key] { keys(Array(text.utf8)) }

    @Test("bytes become keys")
    func decoding() {
        #expect(Self.keys("aé漢😀") == [.text("a"), .text("é"), .text("漢"), .text("😀")])
        let controls: [Key] = [.home, .interrupt, .endOrDelete, .backspace, .enter, .lineBreak]
        #expect(Self.keys("\u{1}\u{3}\u{4}\u{7F}\r\n") == controls)
        let sequences: [Key] = [.up, .down, .delete, .wordRight, .wordLeft]
        #expect(Self.keys("\u{1B}[A\u{1B}OB\u{1B}[3~\u{1B}[1;5C\u{1B}b") == sequences)
        #expect(Self.keys("\u{1B}\rx") == [.lineBreak, .text("x")])
        // A sequence that nobody knows swallows itself and no more.
        #expect(Self.keys("\u{1B}[99;99zx") == [.other, .text("x")])
        #expect(Self.keys("\u{1B}[200~a\r\nb\u{1B}[A\u{1B}[201~c") == [.text("a\nb[A"), .text("c")])
    }

    @Test("what is no UTF-8 is one replacement at most, and nothing behind it is lost")
    func invalid() {
        #expect(Self.keys([0xFF, 0x61]) == [.text("\u{FFFD}"), .text("a")])
        #expect(Self.keys([0xC3, 0x61]).last == .text("a"))
        var random = SeededGenerator(seed: 3)
        for _ in 0..<200 {
            let bytes = (0..<64).map { _ in UInt8.random(in: 0...255, using: &random) }
            // An end of a paste and of any sequence, and then a key.
            let rest = Array("\u{1B}[201~~~\r".utf8) + Array(repeating: 0x7A, count: 40)
            #expect(Self.keys(bytes + rest).last == .text("z"))
        }
    }

    @Test("a lone escape is over when nothing follows")
    func escape() {
        var decoder = KeyDecoder()
        #expect(decoder.take(0x1B) == nil)
        #expect(decoder.isAmbiguous)
        decoder.settle()
        #expect(decoder.take(0x5B) == .text("["))
    }

    @Test("the cursor stands between characters as people see them")
    func buffer() {
        var buffer = LineBuffer()
        for text in ["e", "\u{301}", "👩", "\u{200D}", "💻", "x"] { buffer.insert(text) }
        #expect(buffer.text == "é👩‍💻x" && buffer.cursor == 3)
        buffer.move(by: -1)
        buffer.deleteBackward()
        #expect(buffer.text == "éx" && buffer.cursor == 1)
        buffer.deleteForward()
        buffer.deleteForward()
        #expect(buffer.text == "é")
        buffer.set("one two  three")
        buffer.cutWord()
        #expect(buffer.text == "one two  ")
        buffer.moveByWord(forward: false)
        #expect(buffer.cursor == 4)
        buffer.yank()
        #expect(buffer.text == "one threetwo  " && buffer.cursor == 9)
        buffer.cutToStart()
        buffer.moveToEnd()
        buffer.yank()
        #expect(buffer.text == "two  one three")
        buffer.moveToStart()
        buffer.moveByWord(forward: true)
        buffer.cutToEnd()
        #expect(buffer.text == "two" && buffer.cursor == 3)
        buffer.move(by: 99)
        buffer.move(by: -99)
        #expect(buffer.cursor == 0)
    }

    @Test("any keys leave a cursor within the text")
    func random() {
        var random = SeededGenerator(seed: 8)
        let pieces = ["a", " ", "é", "\u{301}", "漢", "👩", "\u{200D}", "💻", "\n", "🇩", "🇪"]
        var buffer = LineBuffer()
        for _ in 0..<5000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0...4: buffer.insert(pieces.randomElement(using: &random) ?? "")
            case 5: buffer.move(by: Int.random(in: -3...3, using: &random))
            case 6: buffer.deleteBackward()
            case 7: buffer.deleteForward()
            case 8: Bool.random(using: &random) ? buffer.cutWord() : buffer.moveByWord(forward: true)
            default: if buffer.text.count < 40 { buffer.yank() } else { buffer.cutToEnd() }
            }
            #expect((0...buffer.text.count).contains(buffer.cursor))
        }
    }

    @Test("history goes back and forth, and keeps what was being written")
    func history() {
        var history = LineHistory(limit: 3)
        for line in ["a", "b", "b", " ", "c", "d"] { history.add(line) }
        #expect(history.back(from: "draft") == "d")
        #expect(history.back(from: "d") == "c")
        #expect(history.back(from: "c") == "b")
        #expect(history.back(from: "b") == nil)
        #expect(history.forward() == "c" && history.forward() == "d" && history.forward() == "draft")
        #expect(history.forward() == nil)
    }

    @Test(
        "widths",
        arguments: [
            ("a", 1), ("é", 1), ("e\u{301}", 1), ("漢", 2), ("한", 2), ("😀", 2), ("👩‍💻", 2), ("❤️", 2), ("｡", 1),
        ])
    func widths(text: String, columns: Int) {
        #expect(DisplayWidth.columns(of: text) == columns)
    }

    @Test("lines that are longer than a row")
    func layout() {
        func layout(_ text: String, cursor: Int) -> LineLayout {
            var buffer = LineBuffer(text)
            buffer.move(by: cursor - text.count)
            return LineLayout(prompt: "> ", buffer, columns: 6)
        }
        let short = layout("abc", cursor: 1)
        #expect(short.cursor == .init(row: 0, column: 3) && short.end == .init(row: 0, column: 5))
        let full = layout("abcd", cursor: 4)
        #expect(full.end == .init(row: 1, column: 0) && full.endsFullRow)
        #expect(layout("abcde", cursor: 5).cursor == .init(row: 1, column: 1))
        // No room for half of a wide character.
        #expect(layout("abc漢", cursor: 4).cursor == .init(row: 1, column: 2))
        let broken = layout("ab\ncd", cursor: 3)
        #expect(broken.cursor == .init(row: 1, column: 0) && broken.end == .init(row: 1, column: 2))
    }
}
