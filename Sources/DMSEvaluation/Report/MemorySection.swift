import DMSPicture
import DMSTensor

extension RetentionReport {
    /// Memory against context, as the text went by.
    var memorySection: ReportSection {
        let unit = Self.unit(trace.moments.map(\.denseBytes).max() ?? 0)
        let x = LineChart.Axis("tokens read", .fromZero)
        func curve(
            _ name: String, _ style: Int, isDashed: Bool = false, _ value: (RetentionTrace.Moment) -> Double
        ) -> LineChart.Series {
            let points = trace.moments.map { LineChart.Point(Double($0.tokens), value($0)) }
            return LineChart.Series(name, points, style: style, hasMarks: points.count == 1, isDashed: isDashed)
        }
        let bytes = LineChart(
            title: "Memory of the cache, \(unit.name)", x: x, y: .fromZero,
            series: [
                curve("dense", 4, isDashed: true) { Double($0.denseBytes) / unit.bytes },
                curve("compact, allocated", 0) { Double($0.allocatedBytes) / unit.bytes },
                curve("of that, live tokens", 2) { Double($0.liveBytes) / unit.bytes },
            ])
        let ratios = LineChart(
            title: "Ratios, dense over compact", x: x, y: .fromZero,
            series: [
                curve("byte ratio", 0) { Double($0.denseBytes) / Double(max(1, $0.allocatedBytes)) },
                curve("live ratio", 2) {
                    Double($0.tokens * trace.streamCount) / Double(max(1, $0.liveTokenHeads))
                },
            ])
        var body = ReportElement.paragraph(
            "Dense: a cache of the same type (\(trace.kvType.name)) that keeps everything. Compact: all that the allocator "
                + "held after so many tokens: pages, tables, slack, and what a pass needs; it takes memory from the system in "
                + "large pieces, which are the steps. Every head stores the window's tokens, so nothing is saved before a "
                + "text is longer than that.")
        body += ReportElement.figures([bytes, ratios].map(\.picture), fit: true)
        let step = max(1, trace.moments.count / 12)
        let shown = trace.moments.indices.filter { ($0 + 1) % step == 0 || $0 == trace.moments.count - 1 }
        body += ReportElement.numbers(
            ["tokens", "dense", "allocated", "live", "byte ratio", "live ratio"],
            shown.map { index in
                let moment = trace.moments[index]
                return [
                    "\(moment.tokens)", Figures.bytes(moment.denseBytes), Figures.bytes(moment.allocatedBytes),
                    Figures.bytes(moment.liveBytes),
                    Figures.ratio(Double(moment.denseBytes) / Double(max(1, moment.allocatedBytes))),
                    Figures.ratio(Double(moment.tokens * trace.streamCount) / Double(max(1, moment.liveTokenHeads))),
                ]
            })
        let caption = "\(subject.name), \(text.name), \(trace.kvType.name)"
        return ReportSection(
            id: "memory", title: "Memory against context", body: body,
            pictures: [
                .init(name: "memory", picture: bytes.picture, caption: caption),
                .init(name: "ratios", picture: ratios.picture, caption: caption),
            ])
    }

    /// The largest unit in which an amount is at least 1.
    private static func unit(_ bytes: Int) -> (name: String, bytes: Double) {
        if bytes >= 1 << 30 { return ("GiB", 1_073_741_824) }
        if bytes >= 1 << 20 { return ("MiB", 1_048_576) }
        return ("KiB", 1024)
    }
}
