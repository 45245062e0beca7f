/// Curves, or points, over one quantity.
public struct LineChart: Sendable {
    /// One direction of a chart.
    public struct Axis: Sendable, Hashable {
        /// How values become lengths.
        public enum Kind: Sendable, Hashable {
            /// As wide as the values.
            case linear
            /// From 0 on.
            case fromZero
            /// Equal ratios are equally far apart; only positive values have a place.
            case logarithmic
        }

        /// The quantity, with its unit.
        public let title: String
        /// How its values become lengths.
        public let kind: Kind

        /// An axis with its title.
        public init(_ title: String, _ kind: Kind) {
            self.title = title
            self.kind = kind
        }
    }

    /// A value over another.
    public struct Point: Sendable, Hashable {
        /// Where it is across.
        public let x: Double
        /// How high it is.
        public let y: Double
        /// What is said where a pointer rests on its mark.
        public let note: String

        /// A point; without a note the pointer says nothing.
        public init(_ x: Double, _ y: Double, note: String = "") {
            self.x = x
            self.y = y
            self.note = note
        }
    }

    /// Points that belong together.
    public struct Series: Sendable, Hashable {
        /// What the legend calls it.
        public let name: String
        /// In the order in which they are joined.
        public let points: [Point]
        /// Which colour and which mark, 0 ..< ``Palette/seriesCount``.
        public let style: Int
        /// Whether points are joined.
        public let hasLine: Bool
        /// Whether each point has a mark.
        public let hasMarks: Bool
        /// Whether the line is broken.
        public let isDashed: Bool

        fileprivate var lineStyle: String { "c s\(style)" + (isDashed ? " d" : "") }

        /// A series in one of the palette's styles.
        public init(
            _ name: String, _ points: [Point], style: Int, hasLine: Bool = true, hasMarks: Bool = false,
            isDashed: Bool = false
        ) {
            precondition((0..<Palette.seriesCount).contains(style), "style \(style) of \(Palette.seriesCount)")
            self.name = name
            self.points = points
            self.style = style
            self.hasLine = hasLine
            self.hasMarks = hasMarks
            self.isDashed = isDashed
        }
    }

    /// What y is, with its unit.
    public let title: String
    /// What is across.
    public let x: Axis
    /// How heights are laid out.
    public let y: Axis.Kind
    /// In the order of the legend.
    public let series: [Series]
    /// Of the plotted area, in pixels.
    public let width: Double
    /// Of the plotted area, in pixels.
    public let height: Double

    /// - Parameter height: Of the plotted area, in pixels.
    public init(
        title: String, x: Axis, y: Axis.Kind, series: [Series], width: Double = 460, height: Double = 210
    ) {
        self.title = title
        self.x = x
        self.y = y
        self.series = series
        self.width = width
        self.height = height
    }

    private enum Size {
        static let left = 60.0
        static let right = 18.0
        static let title = 30.0
        static let legendLine = 19.0
        static let bottom = 48.0
    }

    /// The drawing with title, legend and axes.
    public var picture: Picture {
        var drawing = Drawing()
        drawing.text(title, 0, 15, size: 14, isBold: true)
        let top = Size.title + Size.legendLine * Double(drawLegend(&drawing)) + 6
        // Curves may end at the edge, marks not.
        let hasMarks = series.contains(where: \.hasMarks)
        let horizontal = ChartScale(
            series.flatMap(\.points).map(\.x), kind: x.kind, margin: hasMarks ? 0.05 : 0)
        let vertical = ChartScale(series.flatMap(\.points).map(\.y), kind: y)
        drawAxes(horizontal, vertical, top: top, &drawing)
        let plot = { (point: Point) -> (x: Double, y: Double)? in
            guard let across = horizontal.place(point.x), let up = vertical.place(point.y) else { return nil }
            return (Size.left + (width - Size.left - Size.right) * across, top + height * (1 - up))
        }
        // The first named lies on top.
        for curve in series.reversed() where curve.hasLine {
            let places = curve.points.compactMap(plot)
            let data = places.enumerated().map { index, place in
                "\(index == 0 ? "M" : "L")\(Drawing.number(place.x)) \(Drawing.number(place.y))"
            }
            if places.count > 1 { drawing.path(data.joined(), curve.lineStyle) }
        }
        for curve in series.reversed() where curve.hasMarks {
            for point in curve.points {
                guard let place = plot(point) else { continue }
                let note = point.note.isEmpty ? curve.name : "\(curve.name): \(point.note)"
                drawing.path(Self.mark(curve.style, place.x, place.y), "f\(curve.style)", title: note)
            }
        }
        return Picture(title: title, width: width, height: top + height + Size.bottom, drawing)
    }

    /// Names of the curves in lines as wide as the picture; the number of those lines.
    private func drawLegend(_ drawing: inout Drawing) -> Int {
        let named = series.filter { !$0.name.isEmpty }
        guard named.count > 1 else { return 0 }
        var place = 0.0
        var line = 0
        for curve in named {
            let needed = 42 + Double(curve.name.count) * 7
            if place > 0, place + needed > width { (place, line) = (0, line + 1) }
            let y = Size.title + Double(line) * Size.legendLine + 4
            if curve.hasLine {
                drawing.path("M\(Drawing.number(place)) \(Drawing.number(y - 4))h20", curve.lineStyle)
            }
            if curve.hasMarks { drawing.path(Self.mark(curve.style, place + 10, y - 4), "f\(curve.style)") }
            drawing.text(curve.name, place + 26, y)
            place += needed
        }
        return line + 1
    }

    private func drawAxes(
        _ horizontal: ChartScale, _ vertical: ChartScale, top: Double, _ drawing: inout Drawing
    ) {
        let right = width - Size.right
        let bottom = top + height
        for tick in vertical.ticks {
            guard let place = vertical.place(tick) else { continue }
            let y = bottom - height * place
            drawing.line(Size.left, y, right, y, "grid")
            drawing.text(Figures.short(tick), Size.left - 8, y + 4.5, "mute", anchor: .end)
        }
        for tick in horizontal.ticks {
            guard let place = horizontal.place(tick) else { continue }
            let x = Size.left + (right - Size.left) * place
            drawing.line(x, bottom, x, bottom + 5, "axis")
            drawing.text(Figures.short(tick), x, bottom + 20, "mute", anchor: .middle)
        }
        drawing.line(Size.left, top, Size.left, bottom, "axis")
        drawing.line(Size.left, bottom, right, bottom, "axis")
        drawing.text(x.title, (Size.left + right) / 2, bottom + 40, "mute", anchor: .middle)
    }

    /// Circle, square, triangle, diamond, cross: told apart without their colour.
    private static func mark(_ style: Int, _ x: Double, _ y: Double) -> String {
        func at(_ dx: Double, _ dy: Double) -> String { "\(Drawing.number(x + dx)) \(Drawing.number(y + dy))" }
        switch style {
        case 0: return "M\(at(-5, 0))a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z"
        case 1: return "M\(at(-4, -4))h8v8h-8z"
        case 2: return "M\(at(0, -5))L\(at(5, 4))L\(at(-5, 4))z"
        case 3: return "M\(at(0, -6))L\(at(5, 0))L\(at(0, 6))L\(at(-5, 0))z"
        default: return "M\(at(-1.5, -5))h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5z"
        }
    }
}

extension LineChart.Series {
    /// Values at 1, 2, 3, … as a curve of at most `limit` points: further ones are averaged.
    public static func averaging(
        _ name: String, _ values: [Double], to limit: Int, style: Int, isDashed: Bool = false
    ) -> LineChart.Series {
        let count = min(values.count, limit)
        let points = (0..<count).map { point in
            let start = point * values.count / count
            let end = max(start + 1, (point + 1) * values.count / count)
            let mean = values[start..<end].reduce(0, +) / Double(end - start)
            return LineChart.Point(Double(start + 1 + end) / 2, mean)
        }
        return LineChart.Series(name, points, style: style, isDashed: isDashed)
    }
}
