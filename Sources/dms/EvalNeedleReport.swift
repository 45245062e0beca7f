import DMSEvaluation
import DMSJSON
import DMSTensor

/// What `dms eval` says about a needle task.
struct EvalNeedleReport {
    let command: EvalCommand
    let setup: EvalSetup
    let evaluation: NeedleEvaluation
    let results: [NeedleCells]

    var json: JSONObject {
        var subjects = JSONObject()
        for result in results {
            subjects[result.name] = .object(
                JSONObject([
                    "accuracy": .number(result.accuracy), "answer_logprob": .number(result.meanLogProbability),
                    "live_ratio_end": .measure(result.liveRatioAtEnd), "decision_ratio": .measure(result.decisionRatio),
                    "cells": .array(result.cells.map { .object(Self.json($0)) }),
                ]))
        }
        return JSONObject([
            "model": .string(setup.modelPath), "base": .text(command.base), "task": .string(command.task.rawValue),
            "path": .string(command.path.rawValue), "precision": .string(command.compute.precision.rawValue),
            "kv_dtype": .string(command.resolvedKVTypes[0].name), "seed": .seed(command.seed),
            "lengths": .array(evaluation.lengths.map { .count($0) }),
            "depths": .array(evaluation.depths.map { .number($0) }), "samples": .count(evaluation.samples),
            "subjects": .object(subjects), "plot": .text(command.needle.plot),
            "text_plot": .text(command.needle.textPlot),
        ])
    }

    private static func json(_ cell: NeedleCells.Cell) -> JSONObject {
        JSONObject([
            "length": .count(cell.length), "depth": .number(cell.depth), "samples": .count(cell.samples),
            "found": .count(cell.found), "accuracy": .number(cell.accuracy),
            "answer_logprob": .number(cell.meanLogProbability),
        ])
    }

    var text: String {
        var table = TextTable(
            ["length", "depth"] + results.flatMap { ["\($0.name): found", "\($0.name): log p"] })
        for index in 0..<evaluation.lengths.count * evaluation.depths.count {
            let cells = results.map { $0.cells[index] }
            table.add(
                ["\(cells[0].length)", Units.percent(cells[0].depth)]
                    + cells.flatMap { ["\($0.found)/\($0.samples)", Units.fixed($0.meanLogProbability, 3)] })
        }
        table.add(
            ["all", ""] + results.flatMap { [Units.percent($0.accuracy), Units.fixed($0.meanLogProbability, 3)] })
        table.add(["live ratio at the end", ""] + results.flatMap { [Units.ratio($0.liveRatioAtEnd), ""] })
        table.add(["decision ratio", ""] + results.flatMap { [Units.ratio($0.decisionRatio), ""] })
        let pictures = [command.needle.plot, command.needle.textPlot].compactMap { $0 }
        let controls =
            command.controls
            ? "\nsliding_window and random: the same weights, storing as many tokens at the end of a prompt as dms."
            : ""
        return """
            model   \(setup.modelPath)\(command.base.map { "\nbase    \($0)" } ?? "")
            task    \(command.task.rawValue), \(evaluation.samples) samples of each length and depth, seed \(command.seed)
            run     \(setup.backend), precision \(command.compute.precision.rawValue), KV \
            \(command.resolvedKVTypes[0].name), \(command.path.rawValue) path

            \(table.text)
            found: greedy decoding writes the whole answer. log p: nats per token of the answer, 0 is certain.
            dms evicts; no_evict is the same model without eviction.\(controls)\
            \(pictures.map { "\npicture: \($0)" }.joined())

            """
    }
}
