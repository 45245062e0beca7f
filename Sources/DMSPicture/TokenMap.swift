/// Tokens across, heads down: which head stores which token.
public struct TokenMap: Sendable {
    /// What a head holds of a column.
    public enum Cell: Sendable, Hashable {
        /// The share of the column's tokens that are stored, 0 … 1.
        case share(Double)
        /// Evicted, and still inside the window.
        case leaving
    }

    /// One head.
    public struct Row: Sendable {
        /// What stands beside the row.
        public let name: String
        /// One per column.
        public let cells: [Cell]
        /// What is said where a pointer rests on the row.
        public let note: String

        /// A row with a cell for each column.
        public init(name: String, cells: [Cell], note: String) {
            self.name = name
            self.cells = cells
            self.note = note
        }
    }

    /// What stands under a column.
    public struct Word: Sendable {
        /// The text.
        public let text: String
        /// Whether it is written in full strength.
        public let isStrong: Bool

        /// A word.
        public init(_ text: String, isStrong: Bool) {
            self.text = text
            self.isStrong = isStrong
        }
    }

    /// What the picture shows.
    public let title: String
    /// Rows that belong together, such as the heads of a layer.
    public let groups: [[Row]]
    /// How many tokens a column stands for.
    public let tokensPerColumn: Int
    /// Tokens in all; the last column may have fewer than the others.
    public let tokenCount: Int
    /// One per column, or none.
    public let words: [Word]
    /// In pixels.
    public let columnWidth: Double
    /// In pixels.
    public let rowHeight: Double

    /// A map; every row has a cell for each column.
    public init(
        title: String, groups: [[Row]], tokensPerColumn: Int, tokenCount: Int, words: [Word] = [], columnWidth: Double,
        rowHeight: Double
    ) {
        let columns = (tokenCount + tokensPerColumn - 1) / max(1, tokensPerColumn)
        precondition(groups.joined().allSatisfy { $0.cells.count == columns }, "a ragged map")
        precondition(words.isEmpty || words.count == columns, "words of another text")
        self.title = title
        self.groups = groups
        self.tokensPerColumn = tokensPerColumn
        self.tokenCount = tokenCount
        self.words = words
        self.columnWidth = columnWidth
        self.rowHeight = rowHeight
    }

    private enum Size {
        static let names = 74.0
        static let top = 24.0
        static let groupGap = 4.0
        static let word = 6.6
        static let longestWord = 13
    }

    private var columns: Int { groups.joined().first?.cells.count ?? 0 }
    private var rowsBottom: Double {
        Size.top + groups.reduce(0) { $0 + Double($1.count) * rowHeight + Size.groupGap }
    }
    private var height: Double {
        let longest = words.map { min(Size.longestWord, $0.text.count) }.max() ?? 0
        return rowsBottom + (words.isEmpty ? 0 : Double(longest) * Size.word + 12)
    }

    /// Names and map.
    public var picture: Picture {
        var drawing = Drawing()
        drawNames(&drawing)
        drawing.group(attributes: "transform=\"translate(\(Drawing.number(Size.names)) 0)\"", drawMap)
        return Picture(
            title: title, width: Size.names + Double(columns) * columnWidth + 12, height: height, drawing)
    }

    /// The names alone, and the map alone: for a page in which the map moves and its names stay.
    public var parts: (names: Picture, map: Picture) {
        var names = Drawing()
        drawNames(&names)
        var map = Drawing()
        drawMap(&map)
        return (
            Picture(title: "Layers and heads", width: Size.names, height: height, names),
            Picture(title: title, width: Double(columns) * columnWidth + 12, height: height, map)
        )
    }

    private func eachRow(_ body: (_ group: Int, _ row: Row, _ y: Double) -> Void) {
        var y = Size.top
        for (index, group) in groups.enumerated() {
            for row in group {
                body(index, row, y)
                y += rowHeight
            }
            y += Size.groupGap
        }
    }

    private func drawNames(_ drawing: inout Drawing) {
        var lastY = -100.0
        eachRow { _, row, y in
            // Where rows are low, one of several is named.
            guard y - lastY >= 11 else { return }
            lastY = y
            drawing.text(
                row.name, Size.names - 8, y + rowHeight / 2 + 4, "mute", anchor: .end, size: rowHeight < 13 ? 10.5 : 12)
        }
    }

    private func drawMap(_ drawing: inout Drawing) {
        drawPositions(&drawing)
        eachRow { _, row, y in
            drawing.group(title: row.note) { drawing in
                drawing.rectangle(0, y + 0.5, Double(columns) * columnWidth, rowHeight - 1, "k0")
                for (style, data) in runs(row.cells, y: y) { drawing.path(data, style) }
            }
        }
        for (index, word) in words.enumerated() {
            let isCut = word.text.count > Size.longestWord
            let text = isCut ? String(word.text.prefix(Size.longestWord - 1)) + "…" : word.text
            drawing.text(
                text, (Double(index) + 0.5) * columnWidth - 4, rowsBottom + 6, word.isStrong ? "ink" : "mute",
                size: 11, isBold: word.isStrong, turn: 90)
        }
    }

    /// Neighbours of one colour as one rectangle, all of a colour as one path.
    private func runs(_ cells: [Cell], y: Double) -> [(style: String, data: String)] {
        var data: [String: String] = [:]
        let styles = cells.map(Self.style)
        var start = 0
        while start < styles.count {
            let end = styles[start...].firstIndex { $0 != styles[start] } ?? styles.count
            if let style = styles[start] {
                let width = Drawing.number(Double(end - start) * columnWidth)
                let corner = "\(Drawing.number(Double(start) * columnWidth)) \(Drawing.number(y + 0.5))"
                data[style, default: ""] += "M\(corner)h\(width)v\(Drawing.number(rowHeight - 1))h-\(width)z"
            }
            start = end
        }
        return data.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// The class of a cell; `nil` for one that looks like the row's ground.
    private static func style(_ cell: Cell) -> String? {
        switch cell {
        case .leaving: return "leaving"
        case .share(let share):
            let level = Palette.level(share)
            return level == 0 ? nil : "k\(level)"
        }
    }

    /// Positions of tokens, a round number of them apart and far enough from each other to be read.
    private func drawPositions(_ drawing: inout Drawing) {
        let perPixel = Double(tokensPerColumn) / columnWidth
        var step = 1
        for candidate in [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000] {
            step = candidate
            if Double(candidate) / perPixel >= 56 { break }
        }
        for position in stride(from: 0, to: tokenCount, by: step) {
            let x = (Double(position / tokensPerColumn)) * columnWidth
            drawing.line(x, Size.top - 5, x, Size.top - 1, "axis")
            drawing.text("\(position)", x + 2, Size.top - 8, "mute", size: 11)
        }
    }
}
