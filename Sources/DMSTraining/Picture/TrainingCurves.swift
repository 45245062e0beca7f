public import DMSPicture

/// A run as pictures: the loss on top, below it what the gates evict against what was asked of them.
public struct TrainingCurves: Sendable {
    /// What one step says of itself; a log has more or less of it.
    public struct Step: Sendable, Hashable {
        public var phase: TrainingPhase
        public var loss: Double
        /// The mean of alpha, in training with noise.
        public var softRate: Double?
        /// What serving would evict.
        public var hardRate: Double?
        public var targetRate: Double?
    }

    /// Points of a curve at most; a run of many steps is averaged.
    private static let points = 400

    private let steps: [Step]
    private let lossName: String

    public init(_ records: [StepRecord]) {
        let isPretraining = records.first?.phase == .pretraining
        self.init(
            records.map { record in
                let isGating = record.phase == .gating
                // Without gates nothing is evicted and nothing asked for, which belongs to the curve.
                return Step(
                    phase: record.phase, loss: record.tokenLoss, softRate: isGating ? record.softRate : 0,
                    hardRate: isGating ? record.hardRate : 0, targetRate: isGating ? record.targetRate : 0)
            }, lossName: isPretraining ? "Cross-entropy, nats per token" : "KL(teacher ‖ student), nats per token")
    }

    /// - Parameter lossName: What the loss is, with its unit.
    init(_ steps: [Step], lossName: String) {
        self.steps = steps
        self.lossName = lossName
    }

    /// One for the loss, and one for the gates where there are any.
    public func charts(width: Double = 460, height: Double = 210) -> [LineChart] {
        let x = LineChart.Axis("optimizer steps, 1 to \(steps.count)", .linear)
        var charts = [
            LineChart(
                title: lossName, x: x, y: .fromZero,
                series: [.averaging("loss", steps.map(\.loss), to: Self.points, style: 0)], width: width,
                height: height)
        ]
        guard steps.contains(where: { $0.phase == .gating }) else { return charts }
        let curves: [(name: String, value: KeyPath<Step, Double?>, style: Int, isDashed: Bool)] = [
            ("target", \.targetRate, 4, true), ("soft, in training", \.softRate, 1, false),
            ("hard, as served", \.hardRate, 0, false),
        ]
        charts.append(
            LineChart(
                title: "Eviction rate", x: x, y: .fromZero,
                series: curves.compactMap { curve in
                    // Outside gating the rates are 0; inside, a log may lack one.
                    let gating = steps.filter { $0.phase == .gating }
                    guard gating.allSatisfy({ $0[keyPath: curve.value] != nil }) else { return nil }
                    return .averaging(
                        curve.name, steps.map { $0[keyPath: curve.value] ?? 0 }, to: Self.points, style: curve.style,
                        isDashed: curve.isDashed)
                }, width: width, height: height))
        return charts
    }

    /// All of them below each other, as the text of an SVG file.
    public var svg: String {
        Picture.stacked(charts(width: 820).map(\.picture), title: "Training").file()
    }
}
