import Testing

@testable import DMSEvaluation

@Suite struct KeptTextTests {
    static func picture(_ pieces: [String], _ shares: [Double], marked: [Range<Int>] = []) -> KeptText {
        KeptText(
            title: "a & b", pieces: pieces, marked: marked,
            panels: ["<dms>", "window"].map { KeptText.Panel(title: $0, shares: shares) }, caption: "one\ntwo")
    }

    @Test func everyTokenIsDrawnInEveryPanel() throws {
        let pieces = ["<s>", " The", " king", " \"slept\"", ".", " "] + Array(repeating: " again", count: 60)
        let shares = pieces.indices.map { Double($0) / Double(pieces.count - 1) }
        let reader = try #require(HeatMapTests().read(Self.picture(pieces, shares, marked: [1..<3]).svg()))
        let rectangles = zip(reader.elements, reader.attributes).filter { $0.0 == "rect" }.map(\.1).dropFirst()
        #expect(rectangles.count == 2 * pieces.count)
        #expect(Array(rectangles.compactMap { $0["fill"] }.prefix(pieces.count)) == shares.map(SVGFrame.colour))
        #expect(rectangles.count { $0["stroke"] != nil } == 4)
        for text in ["a & b", "<dms>", "window", "\"slept\"", "one", "two"] { #expect(reader.text.contains(text)) }
        // Words are wrapped, never cut, and everything lies inside the picture.
        let size = try #require(reader.attributes.first)
        let width = try #require(size["width"].flatMap(Double.init))
        let height = try #require(size["height"].flatMap(Double.init))
        var lines: Set<Double> = []
        for rectangle in rectangles {
            let x = try #require(rectangle["x"].flatMap(Double.init))
            let y = try #require(rectangle["y"].flatMap(Double.init))
            let w = try #require(rectangle["width"].flatMap(Double.init))
            #expect(x >= 0 && x + w <= width && y >= 0 && y + 18 <= height)
            lines.insert(y)
        }
        #expect(lines.count > 3)
    }
}
