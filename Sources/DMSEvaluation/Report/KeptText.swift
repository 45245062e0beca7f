/// A text whose words are the darker, the more heads still store them: what a cache forgot, to look at.
public struct KeptText: Sendable {
    /// The text as one cache remembers it.
    public struct Panel: Sendable {
        public let title: String
        /// Of each token, the share of heads that store it, 0 … 1.
        public let shares: [Double]

        public init(title: String, shares: [Double]) {
            self.title = title
            self.shares = shares
        }
    }

    public let title: String
    /// The text of each token.
    public let pieces: [String]
    /// Tokens to point out.
    public let marked: [Range<Int>]
    public let panels: [Panel]
    /// What stands under the picture.
    public let caption: String

    public init(title: String, pieces: [String], marked: [Range<Int>], panels: [Panel], caption: String) {
        precondition(panels.allSatisfy { $0.shares.count == pieces.count }, "shares of another text")
        self.title = title
        self.pieces = pieces
        self.marked = marked
        self.panels = panels
        self.caption = caption
    }

    private enum Size {
        static let columns = 96
        static let character = 7.2
        static let line = 19.0
        static let top = 92.0
        static let gap = 36.0
    }

    /// The picture as the text of an SVG file.
    public func svg() -> String {
        let places = layout()
        let lines = (places.last?.line ?? 0) + 1
        let panelWidth = Double(Size.columns) * Size.character
        let width = 40 + Double(panels.count) * (panelWidth + Size.gap) - Size.gap
        let height = Size.top + Double(lines) * Size.line + 24 + 18 * Double(caption.split(separator: "\n").count)
        var out = ""
        for (index, panel) in panels.enumerated() {
            out += draw(panel, places, left: 20 + Double(index) * (panelWidth + Size.gap))
        }
        return SVGFrame(
            title: title, width: Int(width), height: Int(height), caption: caption,
            captionTop: Int(Size.top + Double(lines) * Size.line + 24)
        ).around(out)
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

    private func draw(_ panel: Panel, _ places: [(line: Int, column: Int)], left: Double) -> String {
        var out = "<text x=\"\(Int(left))\" y=\"70\" font-size=\"15\">\(SVGFrame.escaped(panel.title))</text>\n"
        out += "<g font-family=\"Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"12\">\n"
        for (index, place) in places.enumerated() {
            let x = Self.number(left + Double(place.column) * Size.character)
            let y = Size.top + Double(place.line) * Size.line
            let width = Self.number(Double(pieces[index].count) * Size.character)
            let isMarked = marked.contains { $0.contains(index) }
            out += """
                <rect x="\(x)" y="\(Self.number(y - 14))" width="\(width)" height="18" \
                fill="\(SVGFrame.colour(panel.shares[index]))"\(isMarked ? " stroke=\"#d1440c\" stroke-width=\"2\"" : "")/>

                """
            // Written at its exact width, whatever font the reader has.
            let word = pieces[index].drop { $0 == " " }
            if word.isEmpty { continue }
            let start = Self.number(
                left + Double(place.column + pieces[index].count - word.count) * Size.character)
            out += """
                <text x="\(start)" y="\(Self.number(y))" textLength="\(Self.number(Double(word.count) * Size.character))" \
                fill="\(panel.shares[index] > 0.6 ? "#ffffff" : "#111111")">\(SVGFrame.escaped(String(word)))</text>

                """
        }
        return out + "</g>\n"
    }

    /// With at most one decimal.
    private static func number(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(abs(tenths % 10))"
    }
}
