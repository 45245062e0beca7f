import DMSPicture

extension RetentionReport {
    /// What share each layer and KV head keeps.
    var headSection: ReportSection {
        let count = Double(trace.tokenCount)
        func panel(_ title: String, _ share: (_ layer: Int, _ head: Int) -> Double) -> HeatMapPanel {
            HeatMapPanel(
                title: title, columns: (0..<trace.headCount).map(String.init),
                rows: (0..<trace.layerCount).map(String.init),
                cells: (0..<trace.layerCount).map { layer in
                    (0..<trace.headCount).map { head in
                        let value = share(layer, head)
                        return (value, Self.percent(value))
                    }
                })
        }
        let map = HeatMap(
            title: "What share each head keeps", columnTitle: "KV head", rowTitle: "layer",
            panels: [
                [
                    panel("stored, % of tokens") { Double(trace.storedTokens[$0][$1]) / count },
                    panel("not evicted, % of decisions") { 1 - trace.evictionRates[$0][$1] },
                ]
            ], caption: "")
        var body = ReportElement.paragraph(
            "Left: tokens that a head stores after the whole text, of all \(ReportSubject.grouped(trace.tokenCount)); the "
                + "window counts. Right: what its gate decided, the window left aside. Heads that keep much are where memory "
                + "goes.")
        body += ReportElement.figures(map.separatePictures)
        return ReportSection(
            id: "layers", title: "Layers and heads", body: body,
            pictures: [.init(name: "heads", picture: map.picture, caption: "\(subject.name), \(text.name)")])
    }

    /// Without the sign, which the title has.
    private static func percent(_ share: Double) -> String { Figures.fixed(share * 100, share < 0.0995 ? 1 : 0) }
}
