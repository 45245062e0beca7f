import DMSTestSupport
import Testing

@testable import DMSPicture

@Suite struct HeatMapTests {
    static func picture(title: String) -> HeatMap {
        let panel = HeatMapPanel(
            title: "a", columns: ["512", "1024"], rows: ["0 %", "100 %"],
            cells: [[(0, "0/4"), (0.5, "2/4")], [(1, "4/4"), (.nan, "?")]])
        return HeatMap(title: title, columnTitle: "length", rowTitle: "depth", panels: [[panel, panel]], caption: "c")
    }

    @Test func isWellFormedWithHostileText() throws {
        let reader = try #require(XMLReader.read(Self.picture(title: "<a & \"b\">\u{1}\u{FFFE} é").svg()))
        #expect(reader.elements.first?.name == "svg")
        #expect(reader.text.contains("<a & \"b\"> é"))
        #expect(reader.elements("rect").count == 1 + 8)
        let shades = reader.elements("rect").dropFirst().compactMap { $0.attributes["class"] }
        #expect(shades.prefix(4) == ["k0", "k8", "k15", "k0"])
    }

    @Test func everythingLiesInsideThePicture() throws {
        let reader = try #require(XMLReader.read(Self.picture(title: "t").svg()))
        let size = try #require(reader.elements.first?.attributes)
        let width = try #require(size["width"].flatMap(Double.init))
        let height = try #require(size["height"].flatMap(Double.init))
        for element in reader.elements.dropFirst() {
            guard let x = element.attributes["x"].flatMap(Double.init),
                let y = element.attributes["y"].flatMap(Double.init)
            else { continue }
            let w = element.attributes["width"].flatMap(Double.init) ?? 0
            let h = element.attributes["height"].flatMap(Double.init) ?? 0
            // The panels are moved, by what is left of them and above.
            let isMoved = element.parents.contains("g")
            #expect(x >= 0 && x + w + (isMoved ? 20 : 0) <= width)
            #expect(y >= 0 && y + h + (isMoved ? 52 : 0) <= height)
        }
    }

    @Test func aPictureOfItsOwnForEveryPanel() throws {
        let pictures = Self.picture(title: "t").separatePictures
        #expect(pictures.map(\.title) == ["t: a", "t: a"])
        for picture in pictures {
            #expect(try #require(XMLReader.read(picture.element())).elements("rect").count == 4)
        }
    }
}
