import DMSTestSupport
import Testing

@testable import DMSPicture

@Suite struct KeptTextTests {
    static func picture(_ pieces: [String], _ shares: [Double], marked: [Range<Int>] = []) -> KeptText {
        KeptText(
            title: "a & b", pieces: pieces, marked: marked,
            panels: ["<dms>", "window"].map { KeptText.Panel(title: $0, shares: shares) }, caption: "one\ntwo")
    }

    @Test func everyTokenIsDrawnInEveryPanel() throws {
        let pieces = ["<s>", " The", " king", " \"slept\"", ".", " "] + Array(repeating: " again", count: 60)
        let shares = pieces.indices.map { Double($0) / Double(pieces.count - 1) }
        let reader = try #require(XMLReader.read(Self.picture(pieces, shares, marked: [1..<3]).svg()))
        let all = reader.elements("rect").map(\.attributes).dropFirst()
        #expect(all.count { $0["class"] == "mark" } == 4)
        let rectangles = all.filter { $0["class"] != "mark" }
        #expect(rectangles.count == 2 * pieces.count)
        #expect(
            Array(rectangles.compactMap { $0["class"] }.prefix(pieces.count))
                == shares.map { "k\(Palette.level($0))" })
        for text in ["a & b", "<dms>", "window", "\"slept\"", "one", "two"] { #expect(reader.text.contains(text)) }
        // Words are wrapped, never cut, and everything lies inside the picture.
        let size = try #require(reader.elements.first?.attributes)
        let width = try #require(size["width"].flatMap(Double.init))
        let height = try #require(size["height"].flatMap(Double.init))
        var lines: Set<Double> = []
        for rectangle in rectangles {
            let x = try #require(rectangle["x"].flatMap(Double.init))
            let y = try #require(rectangle["y"].flatMap(Double.init))
            let w = try #require(rectangle["width"].flatMap(Double.init))
            #expect(x >= 0 && x + w <= width && y >= 0 && y + 18 + 52 <= height)
            lines.insert(y)
        }
        #expect(lines.count > 3)
    }
}
