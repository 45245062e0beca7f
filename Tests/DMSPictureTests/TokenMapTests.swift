import DMSTestSupport
import Testing

@testable import DMSPicture

@Suite("Maps of tokens and heads")
struct TokenMapTests {
    /// Widths of the rectangles of one class, read from its paths: `Mx yhWvHh-Wz`.
    static func width(_ reader: XMLReader, _ style: String) -> Double {
        let paths = reader.elements("path").filter { $0.attributes["class"] == style }
        let rectangles = paths.flatMap { ($0.attributes["d"] ?? "").split(separator: "M") }
        return rectangles.reduce(0) { sum, rectangle in
            let width = rectangle.split(separator: "h")[1].prefix { $0 != "v" }
            return sum + (Double(width) ?? .nan)
        }
    }

    @Test("what is drawn is what the cells say, runs of one shade together")
    func cells() throws {
        let cells: [TokenMap.Cell] = [
            .share(1), .share(1), .share(0), .leaving, .share(0.5), .share(1), .leaving, .leaving,
        ]
        let row = TokenMap.Row(name: "0 · 0", cells: cells, note: "layer 0 <&>")
        let map = TokenMap(
            title: "m", groups: [[row, row], [row]], tokensPerColumn: 1, tokenCount: 8,
            words: cells.indices.map { .init($0 == 3 ? "<script>" : "word\($0)", isStrong: $0 == 5) }, columnWidth: 10,
            rowHeight: 8)
        for picture in [map.picture, map.parts.map] {
            let reader = try #require(XMLReader.read(picture.element()))
            #expect(Self.width(reader, "k15") == 3 * 30)
            #expect(Self.width(reader, "leaving") == 3 * 30)
            #expect(Self.width(reader, "k8") == 3 * 10)
            #expect(reader.elements("rect").count == 3)
            #expect(reader.text.contains("<script>") && reader.text.contains("layer 0 <&>"))
            let bold = reader.elements("text").filter { $0.attributes["font-weight"] != nil }
            #expect(bold.count == 1)
        }
    }

    @Test("a map of many columns has few elements")
    func bounded() {
        let cells = (0..<400).map { TokenMap.Cell.share(Double($0 % 2)) }
        let row = TokenMap.Row(name: "a", cells: cells, note: "n")
        let map = TokenMap(
            title: "m", groups: Array(repeating: Array(repeating: row, count: 8), count: 32), tokensPerColumn: 250,
            tokenCount: 100_000, columnWidth: 2, rowHeight: 4)
        #expect(map.picture.element().utf8.count < 2_000_000)
    }

    @Test("an empty map is a picture, too")
    func empty() {
        let map = TokenMap(
            title: "m", groups: [], tokensPerColumn: 1, tokenCount: 0, columnWidth: 2, rowHeight: 4)
        #expect(XMLReader.read(map.picture.element()) != nil)
    }
}
