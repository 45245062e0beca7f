/// A grid of values between 0 and 1 with labels: one panel of a picture.
public struct HeatMapPanel: Sendable {
    public let title: String
    /// Across, left to right.
    public let columns: [String]
    /// Down, top to bottom.
    public let rows: [String]
    /// `[row][column]`: how dark the cell is, 0 … 1, and what is written in it.
    public let cells: [[(shade: Double, label: String)]]

    public init(title: String, columns: [String], rows: [String], cells: [[(shade: Double, label: String)]]) {
        precondition(cells.count == rows.count && cells.allSatisfy { $0.count == columns.count }, "a ragged grid")
        self.title = title
        self.columns = columns
        self.rows = rows
        self.cells = cells
    }
}

/// Panels side by side as an SVG picture: light background, one hue whose lightness alone carries the value (so that it
/// reads in any colour vision and in print), the value written in every cell.
public struct HeatMap: Sendable {
    public let title: String
    /// What the columns are, with their unit.
    public let columnTitle: String
    /// What the rows are, with their unit.
    public let rowTitle: String
    /// Rows of panels.
    public let panels: [[HeatMapPanel]]
    /// What stands under the picture.
    public let caption: String

    public init(title: String, columnTitle: String, rowTitle: String, panels: [[HeatMapPanel]], caption: String) {
        self.title = title
        self.columnTitle = columnTitle
        self.rowTitle = rowTitle
        self.panels = panels
        self.caption = caption
    }

    private enum Size {
        static let cellWidth = 76
        static let cellHeight = 38
        static let left = 84
        static let top = 64
        static let panelTop = 46
        static let panelBottom = 62
        static let gap = 40
    }

    /// The picture as the text of an SVG file.
    public func svg() -> String {
        // Panels of one width, so that those of a column stand below each other.
        let step = (panels.joined().map { width($0) }.max() ?? 0) + Size.gap
        let heights = panels.map { row in row.map { height($0) }.max() ?? 0 }
        let captionLines = caption.split(separator: "\n")
        let longestLine = captionLines.map(\.count).max() ?? 0
        let total = (
            max(step * (panels.map(\.count).max() ?? 0), title.count * 11, longestLine * 8) + 40,
            Size.top + heights.reduce(0, +) + 30 + 18 * captionLines.count
        )
        var out = ""
        var y = Size.top
        for (index, row) in panels.enumerated() {
            var x = 20
            for panel in row {
                out += draw(panel, x: x, y: y)
                x += step
            }
            y += heights[index]
        }
        return SVGFrame(title: title, width: total.0, height: total.1, caption: caption, captionTop: y + 20).around(out)
    }

    /// Wide enough for the title as well, at 8 pixels a character.
    private func width(_ panel: HeatMapPanel) -> Int {
        Size.left + max(panel.columns.count * Size.cellWidth, panel.title.count * 8)
    }

    private func height(_ panel: HeatMapPanel) -> Int {
        Size.panelTop + panel.rows.count * Size.cellHeight + Size.panelBottom
    }

    private func draw(_ panel: HeatMapPanel, x: Int, y: Int) -> String {
        let left = x + Size.left
        let top = y + Size.panelTop
        var out = Self.text(panel.title, x: left, y: y + 26, attributes: "font-size=\"15\"")
        for (row, cells) in panel.cells.enumerated() {
            let middle = top + row * Size.cellHeight + Size.cellHeight / 2 + 5
            out += Self.text(panel.rows[row], x: left - 8, y: middle, attributes: "text-anchor=\"end\"")
            for (column, cell) in cells.enumerated() {
                let cellX = left + column * Size.cellWidth
                out += """
                    <rect x="\(cellX)" y="\(top + row * Size.cellHeight)" width="\(Size.cellWidth)" \
                    height="\(Size.cellHeight)" fill="\(SVGFrame.colour(cell.shade))" stroke="#ffffff"/>

                    """
                let ink = cell.shade > 0.6 ? "#ffffff" : "#111111"
                out += Self.text(
                    cell.label, x: cellX + Size.cellWidth / 2, y: middle,
                    attributes: "text-anchor=\"middle\" fill=\"\(ink)\"")
            }
        }
        let bottom = top + panel.rows.count * Size.cellHeight
        for (column, label) in panel.columns.enumerated() {
            out += Self.text(
                label, x: left + column * Size.cellWidth + Size.cellWidth / 2, y: bottom + 18,
                attributes: "text-anchor=\"middle\"")
        }
        let centre = left + panel.columns.count * Size.cellWidth / 2
        out += Self.text(columnTitle, x: centre, y: bottom + 40, attributes: "text-anchor=\"middle\" fill=\"#444444\"")
        let middle = (top + bottom) / 2
        let turn = "text-anchor=\"middle\" fill=\"#444444\" transform=\"rotate(-90 \(x + 16) \(middle))\""
        return out + Self.text(rowTitle, x: x + 16, y: middle, attributes: turn)
    }

    private static func text(_ content: String, x: Int, y: Int, attributes: String) -> String {
        "<text x=\"\(x)\" y=\"\(y)\" \(attributes)>\(SVGFrame.escaped(content))</text>\n"
    }
}
