/// A grid of values between 0 and 1 with labels: one panel of a picture.
public struct HeatMapPanel: Sendable {
    /// What stands above the panel.
    public let title: String
    /// Across, left to right.
    public let columns: [String]
    /// Down, top to bottom.
    public let rows: [String]
    /// `[row][column]`: how far the cell is from the ground, 0 … 1, and what is written in it.
    public let cells: [[(shade: Double, label: String)]]

    /// A panel; every row has as many cells as there are columns.
    public init(title: String, columns: [String], rows: [String], cells: [[(shade: Double, label: String)]]) {
        precondition(cells.count == rows.count && cells.allSatisfy { $0.count == columns.count }, "a ragged grid")
        self.title = title
        self.columns = columns
        self.rows = rows
        self.cells = cells
    }
}

/// Panels side by side, the value written in every cell.
public struct HeatMap: Sendable {
    /// What the picture shows.
    public let title: String
    /// What the columns are, with their unit.
    public let columnTitle: String
    /// What the rows are, with their unit.
    public let rowTitle: String
    /// Rows of panels.
    public let panels: [[HeatMapPanel]]
    /// What stands under the picture.
    public let caption: String

    /// A picture of panels that share their titles.
    public init(title: String, columnTitle: String, rowTitle: String, panels: [[HeatMapPanel]], caption: String) {
        self.title = title
        self.columnTitle = columnTitle
        self.rowTitle = rowTitle
        self.panels = panels
        self.caption = caption
    }

    private enum Size {
        static let left = 64.0
        static let panelTop = 34.0
        static let panelBottom = 56.0
        static let gap = 32.0
    }

    /// As large as labels need: many columns get less room each, and fewer pixels in height.
    private var cell: (width: Double, height: Double) {
        let columns = panels.joined().map(\.columns.count).max() ?? 1
        return columns > 8 ? (44, 26) : columns > 4 ? (56, 32) : (72, 36)
    }

    /// The picture as the text of an SVG file.
    public func svg() -> String { picture.file(caption: caption) }

    /// The panels alone.
    public var picture: Picture {
        // Panels of one width, so that those of a column stand below each other.
        let step = (panels.joined().map { width($0) }.max() ?? 0) + Size.gap
        var drawing = Drawing()
        var y = 0.0
        for row in panels {
            for (index, panel) in row.enumerated() { draw(panel, x: Double(index) * step, y: y, &drawing) }
            y += row.map { height($0) }.max() ?? 0
        }
        let across = Double(panels.map(\.count).max() ?? 0)
        return Picture(title: title, width: max(1, step * across - Size.gap), height: max(1, y), drawing)
    }

    /// The panels of every row in a picture of its own each, for pages that are too narrow for all.
    public var separatePictures: [Picture] {
        panels.joined().map { panel in
            var drawing = Drawing()
            draw(panel, x: 0, y: 0, &drawing)
            return Picture(
                title: "\(title): \(panel.title)", width: width(panel), height: height(panel), drawing)
        }
    }

    /// Wide enough for the title as well, at 9 pixels a character.
    private func width(_ panel: HeatMapPanel) -> Double {
        max(Size.left + Double(panel.columns.count) * cell.width, Double(panel.title.count) * 9)
    }

    private func height(_ panel: HeatMapPanel) -> Double {
        Size.panelTop + Double(panel.rows.count) * cell.height + Size.panelBottom
    }

    private func draw(_ panel: HeatMapPanel, x: Double, y: Double, _ drawing: inout Drawing) {
        let left = x + Size.left
        let top = y + Size.panelTop
        drawing.text(panel.title, x, y + 20, size: 14, isBold: true)
        for (row, cells) in panel.cells.enumerated() {
            let middle = top + (Double(row) + 0.5) * cell.height + 4.5
            drawing.text(panel.rows[row], left - 8, middle, "mute", anchor: .end)
            for (column, value) in cells.enumerated() {
                let cellX = left + Double(column) * cell.width
                let level = Palette.level(value.shade)
                // A gap of one pixel instead of a line: it has the colour of whatever ground there is.
                drawing.rectangle(
                    cellX + 0.5, top + Double(row) * cell.height + 0.5, cell.width - 1, cell.height - 1, "k\(level)")
                drawing.text(value.label, cellX + cell.width / 2, middle, "i\(level)", anchor: .middle)
            }
        }
        let bottom = top + Double(panel.rows.count) * cell.height
        for (column, label) in panel.columns.enumerated() {
            drawing.text(
                label, left + (Double(column) + 0.5) * cell.width, bottom + 18, "mute", anchor: .middle)
        }
        let centre = left + Double(panel.columns.count) * cell.width / 2
        drawing.text(columnTitle, centre, bottom + 40, "mute", anchor: .middle)
        let middle = (top + bottom) / 2
        drawing.text(rowTitle, x + 13, middle, "mute", anchor: .middle, turn: -90)
    }
}
