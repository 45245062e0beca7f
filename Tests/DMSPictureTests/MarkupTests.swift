import DMSTestSupport
import Testing

@testable import DMSPicture

@Suite("Text in pictures and pages")
struct MarkupTests {
    static let hostile = [
        "</span><script>alert(1)</script>", "\" onmouseover=\"alert(1)", "<!--", "]]>", "&lt;", "'", "\u{0}\u{8}",
        "\u{FFFE}", "\u{202E}gnp.exe", "a\u{2028}b", "\u{1F600}",
    ]

    @Test("text stays text in elements and in attributes", arguments: hostile)
    func escaped(text: String) throws {
        let document = "<a t=\"\(Markup.escaped(text))\">\(Markup.escaped(text))</a>"
        let reader = try #require(XMLReader.read(document), "\(document)")
        #expect(reader.elements.count == 1)
        let allowed = text.unicodeScalars.filter { $0.value >= 0x20 && $0.value < 0xFFFE || $0.value > 0xFFFF }
        #expect(reader.text == String(String.UnicodeScalarView(allowed)))
        #expect(reader.elements[0].attributes.keys.sorted() == ["t"])
    }

    @Test("signs for what is not seen or moves its neighbours")
    func visible() {
        #expect(Markup.visible("a\n\tb") == "a\u{21B5}\u{21E5}b")
        #expect(Markup.visible("\u{0}\u{1B}") == "\u{2400}\u{241B}")
        #expect(Markup.visible("\u{202E}x\u{2066}\u{FEFF}\u{85}") == "\u{25CC}x\u{25CC}\u{25CC}\u{25CC}")
        #expect(Markup.visible(" falcon é 日本") == " falcon é 日本")
    }

    @Test("numbers as people read them")
    func figures() {
        #expect(Figures.bytes(1023) == "1023 B")
        #expect(Figures.bytes(3 << 19) == "1.5 MiB")
        #expect(Figures.ratio(nil) == "-")
        #expect(Figures.short(1234.5) == "1235" || Figures.short(1234.5) == "1234")
        #expect(Figures.short(0.04567) == "0.0457")
        #expect(Figures.short(12.3456) == "12.35")
        #expect(Figures.short(2) == "2")
        #expect(Figures.fixed(-0.004, 2) == "0.00")
        // Too large for so many decimals in 64 bits.
        #expect(Figures.fixed(5e14, 6) == "500000000000000.0")
    }
}
