import DMSCache
import DMSPicture
import DMSPolicy
import DMSTensor

extension RetentionReport {
    /// Model, text and memory: each ratio with what it is a ratio of.
    var summarySection: ReportSection {
        let report = trace.report
        let ratios = report.ratios
        let seen = report.seenTokenHeads
        let isUngated = report.tally.decisions == 0
        let tiles = [
            (
                "read", ReportSubject.grouped(trace.tokenCount),
                text.wholeTokenCount > trace.tokenCount
                    ? "tokens, the first of \(ReportSubject.grouped(text.wholeTokenCount)) in \(text.name)"
                    : "tokens, all of \(text.name)"
            ),
            (
                "byte ratio", Figures.ratio(ratios.byteRatio),
                "\(Figures.bytes(report.denseBytes)) in a dense \(trace.kvType.name) cache over "
                    + "\(Figures.bytes(report.allocatedBytes)) allocated by the compact one, at the end"
            ),
            (
                "live ratio", Figures.ratio(ratios.finalLiveRatio),
                "\(ReportSubject.grouped(seen)) token·heads seen over "
                    + "\(ReportSubject.grouped(report.liveTokenHeads)) stored at the end; averaged over the text "
                    + Figures.ratio(ratios.meanLiveRatio)
            ),
            (
                "decision ratio", isUngated ? "-" : Figures.ratio(ratios.decisionRatio),
                isUngated
                    ? "no gate decides"
                    : "\(Figures.percent(report.tally.evictionRate ?? 0)) of all decisions evict: what the gates asked for, "
                        + "window or not"
            ),
        ]
        var body = "<div class=\"tiles\">\n"
        for (name, value, explanation) in tiles {
            body +=
                "<div><h3>\(name)</h3><b>\(Markup.escaped(value))</b><p>\(Markup.escaped(explanation))</p></div>\n"
        }
        body += "</div>\n<dl>\n"
        for fact in subject.facts + [.init(name: "keys and values", value: trace.kvType.name)] {
            body += "<div><dt>\(Markup.escaped(fact.name))</dt><dd>\(Markup.escaped(fact.value))</dd></div>\n"
        }
        body += "</dl>\n"
        body += ReportElement.paragraph(
            "The three ratios are different quantities and are never multiplied. A token·head is one token in one KV head of "
                + "one layer; a dense cache stores all of them.")
        return ReportSection(id: "summary", title: "Summary", body: body)
    }
}
