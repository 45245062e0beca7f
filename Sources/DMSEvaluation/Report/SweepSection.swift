import DMSPicture

extension RetentionReport {
    /// What forgetting costs, against what it saves.
    var sweepSection: ReportSection? {
        guard let sweep else { return nil }
        let x = LineChart.Axis("live ratio, averaged over the text", .linear)
        let perplexity = LineChart(
            title: "Perplexity, per token", x: x, y: Self.kind(sweep.points.map(\.perplexity)),
            series: Self.series(sweep) { $0.perplexity })
        let divergence = LineChart(
            title: "KL divergence, nats per token", x: x, y: Self.kind(sweep.points.compactMap(\.divergence)),
            series: Self.series(sweep) { $0.divergence })
        let reference =
            sweep.reference == .base
            ? "the base model, run densely" : "the same weights evicting nothing, as no --base was given"
        let chunks =
            "\(sweep.chunkCount) chunk\(sweep.chunkCount == 1 ? "" : "s") of \(ReportSubject.grouped(sweep.chunkLength)) tokens"
        var body = ReportElement.paragraph(
            "Right is less memory, lower is better. \(ReportSubject.grouped(sweep.scoredTokens)) tokens are scored, in "
                + "\(chunks), each alone. Divergence is "
                + "from \(reference). Sliding windows keep \(EqualMemoryControls.sinks) first tokens; random gates have "
                + "the model's window. One of each stores as many tokens as the gate: straight above or below it.")
        body += ReportElement.figures([perplexity, divergence].map(\.picture), fit: true)
        body += ReportElement.numbers(
            ["who", "live ratio", "perplexity", "KL, nats per token"],
            sweep.points.map { point in
                [
                    Self.name(point) + (point.isMatched ? ", as much as the gate" : ""), Figures.ratio(point.liveRatio),
                    Figures.fixed(point.perplexity, 4),
                    point.divergence.map { Figures.fixed($0, 6) } ?? "the reference",
                ]
            })
        let caption =
            "\(subject.name), \(text.name), \(chunks).\n"
            + "Divergence from \(reference)."
        return ReportSection(
            id: "cost", title: "What forgetting costs", body: body,
            pictures: [
                .init(name: "perplexity", picture: perplexity.picture, caption: caption),
                .init(name: "divergence", picture: divergence.picture, caption: caption),
            ])
    }

    private static let styles: [(kind: ControlSweep.Kind, name: String, style: Int)] = [
        (.gate, "this model", 0), (.slidingWindow, "windows", 1), (.randomGate, "random gates", 2),
        (.noEvict, "no eviction", 3), (.base, "base", 4),
    ]

    private static func series(
        _ sweep: ControlSweep, _ value: (ControlSweep.Point) -> Double?
    ) -> [LineChart.Series] {
        styles.compactMap { kind, name, style in
            let points = sweep[kind].compactMap { point in
                value(point).map { LineChart.Point(point.liveRatio, $0, note: note(point, $0)) }
            }
            guard !points.isEmpty else { return nil }
            return LineChart.Series(
                name, points, style: style, hasLine: points.count > 1, hasMarks: true,
                isDashed: kind == .slidingWindow || kind == .randomGate)
        }
    }

    private static func note(_ point: ControlSweep.Point, _ value: Double) -> String {
        "\(name(point)), live ratio \(Figures.ratio(point.liveRatio)), \(Figures.short(value))"
    }

    private static func name(_ point: ControlSweep.Point) -> String {
        switch point.kind {
        case .base: "base"
        case .noEvict: "no eviction"
        case .gate: "this model"
        case .slidingWindow: "window \(Int(point.setting ?? 0))"
        case .randomGate: "random \(Figures.percent(point.setting ?? 0))"
        }
    }

    /// Logarithmic where the largest would hide the others.
    private static func kind(_ values: [Double]) -> LineChart.Axis.Kind {
        // A logarithmic axis has no place for 0.
        guard values.allSatisfy({ $0.isFinite && $0 > 0 }), let least = values.min(), let most = values.max() else {
            return .fromZero
        }
        return most > 6 * least ? .logarithmic : .linear
    }
}
