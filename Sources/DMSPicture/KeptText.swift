/// A text whose words stand out the more, the more heads still store them: what a cache forgot, to look at.
public struct KeptText: Sendable {
    /// The text as one cache remembers it.
    public struct Panel: Sendable {
        /// What stands above the panel.
        public let title: String
        /// Of each token, the share of heads that store it, 0 … 1.
        public let shares: [Double]

        /// A panel; it has one share for each token of the text.
        public init(title: String, shares: [Double]) {
            self.title = title
            self.shares = shares
        }
    }

    /// What the picture shows.
    public let title: String
    /// The text of each token.
    public let pieces: [String]
    /// Tokens to point out.
    public let marked: [Range<Int>]
    /// Left to right.
    public let panels: [Panel]
    /// What stands under the picture.
    public let caption: String

    /// A picture of a text; a token is cut to the width of a line.
    public init(title: String, pieces: [String], marked: [Range<Int>], panels: [Panel], caption: String) {
        precondition(panels.allSatisfy { $0.shares.count == pieces.count }, "shares of another text")
        self.title = title
        // No token is wider than a line.
        self.pieces = pieces.map { String(Markup.visible($0).prefix(Size.columns)) }
        self.marked = marked
        self.panels = panels
        self.caption = caption
    }

    private enum Size {
        static let columns = 96
        static let character = 7.2
        static let line = 19.0
        static let top = 40.0
        static let gap = 36.0
    }

    /// The picture as the text of an SVG file.
    public func svg() -> String { picture.file(caption: caption) }

    /// The panels alone.
    public var picture: Picture {
        let places = layout()
        let lines = (places.last?.line ?? 0) + 1
        let panelWidth = Double(Size.columns) * Size.character
        var drawing = Drawing()
        for (index, panel) in panels.enumerated() {
            draw(panel, places, left: Double(index) * (panelWidth + Size.gap), &drawing)
        }
        return Picture(
            title: title, width: max(1, Double(panels.count) * (panelWidth + Size.gap) - Size.gap),
            height: Size.top + Double(lines) * Size.line, drawing)
    }

    /// Where each token stands, in characters.
    private func layout() -> [(line: Int, column: Int)] {
        var line = 0
        var column = 0
        return pieces.map { piece in
            if column > 0, column + piece.count > Size.columns { (line, column) = (line + 1, 0) }
            defer { column += piece.count }
            return (line, column)
        }
    }

    private func draw(
        _ panel: Panel, _ places: [(line: Int, column: Int)], left: Double, _ drawing: inout Drawing
    ) {
        drawing.text(panel.title, left, 14, size: 15)
        drawing.group(attributes: "font-size=\"12\"") { drawing in
            for (index, place) in places.enumerated() {
                let x = left + Double(place.column) * Size.character
                let y = Size.top + Double(place.line) * Size.line
                let width = Double(pieces[index].count) * Size.character
                let level = Palette.level(panel.shares[index])
                let isMarked = marked.contains { $0.contains(index) }
                drawing.rectangle(x, y - 14, width, 18, "k\(level)")
                if isMarked { drawing.rectangle(x, y - 14, width, 18, "mark") }
                // Written at its exact width, whatever font the reader has.
                let word = pieces[index].drop { $0 == " " }
                if word.isEmpty { continue }
                let start = left + Double(place.column + pieces[index].count - word.count) * Size.character
                drawing.text(
                    String(word), start, y, "i\(level) mono", size: 12, width: Double(word.count) * Size.character)
            }
        }
    }
}
