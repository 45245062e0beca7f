import DMSCache
import DMSEvaluation
import DMSJSON
import DMSPolicy
import DMSTensor

/// What `dms inspect` says of a report that it has written.
struct InspectPageReport {
    let report: RetentionReport
    let output: String
    let parts: [String]

    private var decisionRatio: Double? {
        report.trace.report.tally.decisions == 0 ? 1 : report.trace.report.ratios.decisionRatio
    }

    var text: String {
        let kv = report.trace.report
        let files = parts.isEmpty ? "" : "\n\(parts.count) pictures beside it: \(parts.joined(separator: ", "))"
        return """
            \(output): \(report.trace.tokenCount) tokens of \(report.text.name)
            byte ratio \(Units.ratio(kv.ratios.byteRatio)) (\(Units.bytes(kv.denseBytes)) \
            dense over \(Units.bytes(kv.allocatedBytes)) allocated, \(report.trace.kvType.name)), live ratio \
            \(Units.ratio(kv.ratios.finalLiveRatio)) at the end, decision ratio \(Units.ratio(decisionRatio))\(files)

            """
    }

    var json: JSONObject {
        let kv = report.trace.report
        var object = JSONObject([
            "output": .string(output), "parts": .array(parts.map { .string($0) }),
            "text": .string(report.text.name), "tokens": .count(report.trace.tokenCount),
            "tokens_of_text": .count(report.text.wholeTokenCount),
            "kv": .object(
                JSONObject([
                    "dtype": .string(report.trace.kvType.name), "dense_bytes": .count(kv.denseBytes),
                    "allocated_bytes": .count(kv.allocatedBytes), "live_bytes": .count(kv.liveBytes),
                    "live_ratio": .measure(kv.ratios.finalLiveRatio),
                    "mean_live_ratio": .measure(kv.ratios.meanLiveRatio),
                    "byte_ratio": .measure(kv.ratios.byteRatio), "decision_ratio": .measure(decisionRatio),
                ])),
            "stored_tokens": .array(
                report.trace.storedTokens.map { layer in .array(layer.map { .count($0) }) }),
        ])
        if let sweep = report.sweep { object["perplexity"] = .object(Self.json(sweep)) }
        if let recall = report.recall { object["recall"] = .object(Self.json(recall)) }
        return object
    }

    private static func json(_ sweep: ControlSweep) -> JSONObject {
        JSONObject([
            "reference": .string(sweep.reference.rawValue), "chunk_length": .count(sweep.chunkLength),
            "chunks": .count(sweep.chunkCount), "tokens_scored": .count(sweep.scoredTokens),
            "points": .array(
                sweep.points.map { point in
                    .object(
                        JSONObject([
                            "kind": .string(point.kind.rawValue), "setting": .measure(point.setting),
                            "matched": .bool(point.isMatched), "live_ratio": .number(point.liveRatio),
                            "perplexity": .number(point.perplexity), "kld": .measure(point.divergence),
                        ]))
                }),
        ])
    }

    private static func json(_ recall: RetentionReport.Recall) -> JSONObject {
        var subjects = JSONObject()
        for cells in recall.cells {
            subjects[cells.name] = .object(
                JSONObject([
                    "accuracy": .number(cells.accuracy), "answer_logprob": .number(cells.meanLogProbability),
                    "live_ratio_end": .measure(cells.liveRatioAtEnd), "decision_ratio": .measure(cells.decisionRatio),
                ]))
        }
        return JSONObject([
            "task": .string(recall.evaluation.source.name), "samples": .count(recall.evaluation.samples),
            "subjects": .object(subjects),
        ])
    }
}
