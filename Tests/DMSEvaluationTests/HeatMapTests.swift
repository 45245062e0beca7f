import DMSTestSupport
import Foundation
import Testing

@testable import DMSEvaluation

#if canImport(FoundationXML)
import FoundationXML
#endif

@Suite struct HeatMapTests {
    final class Reader: NSObject, XMLParserDelegate {
        var elements: [String] = []
        var attributes: [[String: String]] = []
        var text = ""

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String] = [:]
        ) {
            elements.append(name)
            self.attributes.append(attributes)
        }

        func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
    }

    func read(_ svg: String) -> Reader? {
        let parser = XMLParser(data: Data(svg.utf8))
        let reader = Reader()
        parser.delegate = reader
        return parser.parse() ? reader : nil
    }

    static func picture(title: String) -> HeatMap {
        let panel = HeatMapPanel(
            title: "a", columns: ["512", "1024"], rows: ["0 %", "100 %"],
            cells: [[(0, "0/4"), (0.5, "2/4")], [(1, "4/4"), (.nan, "?")]])
        return HeatMap(title: title, columnTitle: "length", rowTitle: "depth", panels: [[panel, panel]], caption: "c")
    }

    @Test func isWellFormedWithHostileText() throws {
        let reader = try #require(read(Self.picture(title: "<a & \"b\">\u{1}\u{FFFE} é").svg()))
        #expect(reader.elements.first == "svg")
        #expect(reader.text.contains("<a & \"b\"> é"))
        #expect(reader.elements.filter { $0 == "rect" }.count == 1 + 8)
    }

    @Test func everythingLiesInsideThePicture() throws {
        let reader = try #require(read(Self.picture(title: "t").svg()))
        let size = try #require(reader.attributes.first)
        let width = try #require(size["width"].flatMap(Int.init))
        let height = try #require(size["height"].flatMap(Int.init))
        for attributes in reader.attributes.dropFirst() {
            guard let x = attributes["x"].flatMap(Int.init), let y = attributes["y"].flatMap(Int.init) else { continue }
            let w = attributes["width"].flatMap(Int.init) ?? 0
            let h = attributes["height"].flatMap(Int.init) ?? 0
            #expect(x >= 0 && x + w <= width && y >= 0 && y + h <= height)
        }
    }

    @Test func darkerIsMore() {
        func lightness(_ colour: String) -> Int {
            let value = Int(colour.dropFirst(), radix: 16) ?? 0
            return (value >> 16) * 2 + (value >> 8 & 255) * 5 + (value & 255)
        }
        let steps = (0...20).map { lightness(SVGFrame.colour(Double($0) / 20)) }
        #expect(zip(steps, steps.dropFirst()).allSatisfy { $0 > $1 })
        #expect(SVGFrame.colour(-1) == SVGFrame.colour(0))
        #expect(SVGFrame.colour(.nan) == SVGFrame.colour(0))
        #expect(SVGFrame.colour(7) == SVGFrame.colour(1))
    }

    @Test func aNeedlePictureShowsEverySubjectTwice() throws {
        let model = try tinyGatedModel(window: 20, vocabulary: 256)
        let runner = try ModelRunner(model, passLength: 100)
        let evaluation = try NeedleEvaluation(
            source: NeedleGenerator(task: .needle, seed: 8), lengths: [230, 250], depths: [0, 0.5, 1], samples: 1)
        let results = try evaluation.run(
            ["dms", "no_evict"].map { Subject(name: $0, runner: runner, path: StrictPath(model)) },
            encode: NeedleTests.encode)
        let reader = try #require(read(HeatMap(evaluation, results, model: "m & co").svg()))
        #expect(reader.elements.filter { $0 == "rect" }.count == 1 + 2 * 2 * 6)
        for text in ["needle: m & co", "dms: found", "no_evict: found", "depth", "length (tokens)", "50 %", "230"] {
            #expect(reader.text.contains(text))
        }
    }
}
