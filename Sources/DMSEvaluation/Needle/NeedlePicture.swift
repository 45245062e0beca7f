public import DMSPicture

extension HeatMap {
    /// Accuracy above, log-probability of the answer below; one column of panels per subject.
    ///
    /// Accuracy is shaded from 0 to 1. Log-probability is shaded from the lowest value of any panel to 0, so that
    /// subjects compare.
    ///
    /// - Parameter model: What the title calls the model.
    public init(_ evaluation: NeedleEvaluation, _ results: [NeedleCells], model: String) {
        let lowest = results.flatMap(\.cells).map(\.meanLogProbability).filter(\.isFinite).min() ?? -1
        let floor = min(lowest, -1e-9)
        func panel(
            _ result: NeedleCells, _ what: String,
            _ cell: (NeedleCells.Cell) -> (shade: Double, label: String)
        ) -> HeatMapPanel {
            HeatMapPanel(
                title: "\(result.name): \(what)", columns: evaluation.lengths.map(String.init),
                rows: evaluation.depths.map { "\(Int(($0 * 100).rounded())) %" },
                cells: evaluation.depths.indices.map { depth in
                    evaluation.lengths.indices.map { cell(result.cells[$0 * evaluation.depths.count + depth]) }
                })
        }
        self.init(
            title: "\(evaluation.source.name): \(model)",
            columnTitle: "length (tokens)", rowTitle: "depth",
            panels: [
                results.map { panel($0, "found") { ($0.accuracy, "\($0.found)/\($0.samples)") } },
                results.map {
                    panel($0, "log p of the answer") {
                        (1 - $0.meanLogProbability / floor, Figures.fixed($0.meanLogProbability, 2))
                    }
                },
            ],
            caption: "found: greedy decoding writes the whole answer. log p: nats per answer token, 0 is certain; "
                + "further from the ground is better.\n"
                + "samples per cell: \(evaluation.samples), seed: \(evaluation.source.seed)")
    }
}
