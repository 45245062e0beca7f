import DMSTestSupport
import Testing

@testable import DMSPicture

@Suite("Line charts")
struct LineChartTests {
    @Test(
        "ticks are round, increase, and span the values",
        arguments: [
            [0.0, 1], [3, 3], [0, 0], [-4, 17], [1e-7, 3e-7], [123_456, 123_457], [0.02, 980], [5, 5.4], [1, 1e9],
        ])
    func ticks(values: [Double]) {
        let kinds: [LineChart.Axis.Kind] = [.linear, .fromZero, .logarithmic]
        for (kind, margin) in kinds.flatMap({ kind in [nil, 0, 0.05].map { (kind, $0) } }) {
            let scale = ChartScale(values, kind: kind, margin: margin)
            #expect(scale.low < scale.high)
            #expect((2...14).contains(scale.ticks.count), "\(kind), \(String(describing: margin)): \(scale.ticks)")
            #expect(zip(scale.ticks, scale.ticks.dropFirst()).allSatisfy { $0 < $1 })
            for value in values where kind != .logarithmic || value > 0 {
                let rounding = abs(value) * 1e-9 + 1e-12
                #expect(scale.low <= value + rounding && value <= scale.high + rounding)
                #expect(scale.place(value).map { (0...1).contains($0) } == true)
            }
            if kind == .fromZero { #expect(scale.low <= 0) }
        }
    }

    @Test("values without a place are left out: infinite ones, and those below 0 on a logarithmic axis")
    func withoutPlace() {
        let scale = ChartScale([1, 10, 0, .nan, .infinity], kind: .logarithmic)
        #expect(scale.place(0) == nil)
        #expect(scale.place(.nan) == nil)
        #expect(ChartScale([], kind: .linear).ticks.count >= 2)
        let chart = LineChart(
            title: "t", x: .init("x", .linear), y: .linear,
            series: [.init("a", [.init(0, .nan), .init(1, 2)], style: 0, hasMarks: true)])
        #expect(!chart.picture.element().contains("nan"))
    }

    @Test("curves, marks with notes, and a legend where there are several")
    func elements() throws {
        let points = [LineChart.Point(0, 1, note: "<b>"), LineChart.Point(2, 3)]
        let chart = LineChart(
            title: "a & b", x: .init("steps", .fromZero), y: .fromZero,
            series: [
                .init("one", points, style: 0, hasMarks: true), .init("two", points, style: 4, isDashed: true),
            ])
        let reader = try #require(XMLReader.read(chart.picture.element()))
        let styles = reader.elements("path").compactMap { $0.attributes["class"] }
        // Each once in the legend and once in the plot.
        #expect(styles.count { $0 == "c s0" } == 2)
        #expect(styles.count { $0 == "c s4 d" } == 2)
        #expect(styles.count { $0 == "f0" } == 3)
        for text in ["a & b", "steps", "one", "two", "one: <b>"] { #expect(reader.text.contains(text)) }
        #expect(XMLReader.read(chart.picture.file(caption: "<&>")) != nil)
    }

    @Test("a long curve is averaged, and keeps its mean and its ends")
    func averaged() {
        let values = (0..<1000).map { Double($0) }
        let series = LineChart.Series.averaging("a", values, to: 100, style: 0)
        #expect(series.points.count == 100)
        #expect(abs(series.points.reduce(0) { $0 + $1.y } / 100 - 499.5) < 1e-9)
        // Step n has value n - 1.
        #expect(series.points.allSatisfy { abs($0.x - 1 - $0.y) < 1e-9 })
        let short = LineChart.Series.averaging("a", [4, 5], to: 100, style: 0)
        #expect(short.points.map(\.x) == [1, 2] && short.points.map(\.y) == [4, 5])
    }
}
