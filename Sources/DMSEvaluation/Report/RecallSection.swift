import DMSPicture

extension RetentionReport {
    /// What is found again, by depth and length.
    var recallSection: ReportSection? {
        guard let recall else { return nil }
        let map = HeatMap(recall.evaluation, recall.cells, model: subject.name)
        var body = ReportElement.paragraph(
            "Something is said once in a long text (task \(recall.evaluation.source.name)), at a depth from 0 % (its start) to "
                + "100 %, and asked for at its end. Found: greedy decoding writes the whole answer. Log p: nats per token of "
                + "the answer, 0 is certain. Controls store as many tokens as the gate when the question is asked. "
                + "\(recall.evaluation.samples) samples a cell, seed \(recall.evaluation.source.seed).")
        body += ReportElement.figures(map.separatePictures)
        body += ReportElement.numbers(
            ["who", "found", "log p", "live ratio at the question", "decision ratio"],
            recall.cells.map {
                [
                    $0.name, Figures.percent($0.accuracy), Figures.fixed($0.meanLogProbability, 3),
                    Figures.ratio($0.liveRatioAtEnd), Figures.ratio($0.decisionRatio),
                ]
            })
        return ReportSection(
            id: "recall", title: "Found by depth and length", body: body,
            pictures: [.init(name: "recall", picture: map.picture, caption: map.caption)])
    }

    /// How the gates were learnt.
    var trainingSection: ReportSection? {
        guard let training else { return nil }
        let pictures = training.charts.map(\.picture)
        let names = ["training-loss", "training-eviction"]
        return ReportSection(
            id: "training", title: "How it was trained",
            body: ReportElement.paragraph("From \(training.source).") + ReportElement.figures(pictures, fit: true),
            pictures: zip(names, pictures).map { .init(name: $0, picture: $1, caption: training.source) })
    }
}
