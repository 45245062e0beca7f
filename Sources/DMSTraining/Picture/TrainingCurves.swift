/// A run as a picture: the loss per token on top, below it what the gates evict against what was asked of them.
public struct TrainingCurves {
    private static let width = 860.0
    private static let panelHeight = 220.0
    private static let left = 64.0
    private static let right = 24.0
    /// Points of a curve at most; a run of many steps is averaged.
    private static let points = 400

    private let records: [StepRecord]

    public init(_ records: [StepRecord]) { self.records = records }

    /// A self-contained SVG, readable on light and dark pages.
    public var svg: String {
        let hasGates = records.contains { $0.phase == .gating }
        let height = 56 + Self.panelHeight * (hasGates ? 2 : 1) + (hasGates ? 52 : 0) + 44
        var text = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(Self.width)) \(Int(height))" \
            font-family="system-ui, sans-serif" font-size="13">
            <style>
            .bg{fill:#ffffff} .ink{fill:#1b1b1b} .axis{stroke:#8a8a8a;stroke-width:1} .grid{stroke:#dddddd}
            .a{stroke:#0072b2} .b{stroke:#d55e00} .c{stroke:#8a8a8a;stroke-dasharray:5 4}
            .af{fill:#0072b2} .bf{fill:#d55e00} .cf{fill:#8a8a8a}
            path{fill:none;stroke-width:1.8}
            @media (prefers-color-scheme: dark){.bg{fill:#161616} .ink{fill:#e8e8e8} .grid{stroke:#333333}
            .a{stroke:#56b4e9} .b{stroke:#e69f00} .af{fill:#56b4e9} .bf{fill:#e69f00}}
            </style>
            <rect class="bg" width="100%" height="100%"/>

            """
        let isPretraining = records.first?.phase == .pretraining
        let losses = records.map(\.tokenLoss)
        let name =
            isPretraining ? "Cross-entropy, nats per token" : "KL(teacher ‖ student), nats per token"
        text += panel(top: 40, title: name, top: losses.max() ?? 1, series: [("a", losses, nil)])
        if hasGates {
            text += panel(
                top: 40 + Self.panelHeight + 52, title: "Eviction rate", top: 1,
                series: [
                    ("c", records.map(\.targetRate), "target"), ("b", records.map(\.softRate), "soft, in training"),
                    ("a", records.map(\.hardRate), "hard, as served"),
                ])
        }
        text += """
            <text class="ink" x="\(number(Self.left))" y="\(number(height - 12))">optimizer steps, 1 to \
            \(records.count)</text>
            </svg>

            """
        return text
    }

    private func panel(
        top: Double, title: String, top maximum: Double, series: [(style: String, values: [Double], label: String?)]
    ) -> String {
        let scale = maximum > 0 && maximum.isFinite ? maximum : 1
        var text = label(title, "ink\" font-weight=\"600", x: Self.left, y: top - 12)
        for step in 0...4 {
            let y = top + Self.panelHeight * (1 - Double(step) / 4)
            text += line("grid", Self.left, y, Self.width - Self.right, y)
            text += label(scaleText(scale * Double(step) / 4), "ink\" text-anchor=\"end", x: Self.left - 8, y: y + 4)
        }
        text += line("axis", Self.left, top, Self.left, top + Self.panelHeight)
        text += line("axis", Self.left, top + Self.panelHeight, Self.width - Self.right, top + Self.panelHeight)
        for (index, curve) in series.enumerated() {
            text += "<path class=\"\(curve.style)\" d=\"\(path(curve.values, top: top, scale: scale))\"/>\n"
            if let label = curve.label {
                text += self.label(
                    label, "\(curve.style)f", x: Self.left + 14 + Double(index) * 150, y: top + 16)
            }
        }
        return text
    }

    private func path(_ values: [Double], top: Double, scale: Double) -> String {
        let count = min(values.count, Self.points)
        guard count > 0 else { return "" }
        let span = Self.width - Self.left - Self.right
        return (0..<count).map { point in
            let start = point * values.count / count
            let end = max(start + 1, (point + 1) * values.count / count)
            let mean = values[start..<end].reduce(0, +) / Double(end - start)
            let x = Self.left + span * (count == 1 ? 0.5 : Double(point) / Double(count - 1))
            let y = top + Self.panelHeight * (1 - min(1, max(0, mean / scale)))
            return "\(point == 0 ? "M" : "L")\(number(x)) \(number(y))"
        }.joined()
    }

    private func line(_ style: String, _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) -> String {
        "<line class=\"\(style)\" x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" y2=\"\(number(y2))\"/>\n"
    }

    private func number(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }

    private func label(_ text: String, _ style: String, x: Double, y: Double) -> String {
        "<text class=\"\(style)\" x=\"\(number(x))\" y=\"\(number(y))\">\(text)</text>\n"
    }

    private func scaleText(_ value: Double) -> String {
        let digits = value >= 10 || value == 0 ? 10.0 : value >= 0.1 ? 100 : 10000
        return "\((value * digits).rounded() / digits)"
    }
}
