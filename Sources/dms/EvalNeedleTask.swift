import DMSCheckpoint
import DMSEngine
import DMSEvaluation
import DMSJSON
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTokenizer

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Looks for what was hidden in a text: `dms eval --task needle`, `multi-key` and `variable-tracking`.
struct EvalNeedleTask {
    let command: EvalCommand
    let setup: EvalSetup

    init(_ command: EvalCommand, _ setup: EvalSetup) {
        self.command = command
        self.setup = setup
    }

    func run() throws {
        guard let task = command.task.needle else { preconditionFailure("\(command.task) is no needle task") }
        let tokenizer = setup.loaded.tokenizer
        let evaluation = try NeedleEvaluation(
            generator: NeedleGenerator(task: task, seed: command.seed), lengths: command.needle.resolvedLengths,
            depths: command.needle.resolvedDepths, samples: command.needle.samples ?? 4)
        setup.warn(contextLength: evaluation.lengths.max() ?? 0)
        if let plot = command.needle.plot { try Self.requireWritable(plot) }
        let progress = EvalProgress(unit: "samples")
        let results = try evaluation.run(
            try subjects(), encode: { tokenizer.stream($0, hasStart: !command.noBos) },
            onSample: { progress.show(task.rawValue, $0, of: evaluation.sampleCount) })
        progress.finish()
        if let plot = command.needle.plot {
            try AtomicFile.write(Array(HeatMap(evaluation, results, model: command.model).svg().utf8), to: plot)
        }
        if command.json {
            try Console.write(json(evaluation, results))
        } else {
            try Console.write(text(evaluation, results))
        }
    }

    /// Asked first, so that a folder that cannot be written to is not found out after an hour.
    private static func requireWritable(_ path: String) throws(CheckpointError) {
        let folder = path.lastIndex(of: "/").map { path[..<$0].isEmpty ? "/" : String(path[..<$0]) } ?? "."
        guard access(folder, W_OK) == 0 else {
            throw CheckpointError(
                file: path, found: String(cString: strerror(errno)), required: "a folder that can be written to")
        }
    }

    /// With eviction, without, and the base: what is there of them.
    private func subjects() throws -> [Subject] {
        let model = setup.loaded.model
        let type = command.resolvedKVTypes[0]
        let pass = min(command.prefillChunk, command.needle.resolvedLengths.max() ?? 1)
        let runner = try ModelRunner(model, passLength: pass)
        func path() -> any AttentionPath {
            command.path == .strict ? StrictPath(model, kvType: type) : CompactPath(model, kvType: type)
        }
        var subjects: [Subject] = []
        if model.dms != nil { subjects.append(Subject(name: "dms", runner: runner, path: path())) }
        subjects.append(Subject(name: "no_evict", runner: runner, path: path(), eviction: .off))
        if let base = setup.base {
            subjects.append(
                Subject(
                    name: "base", runner: try ModelRunner(base, passLength: pass),
                    path: StrictPath(base, kvType: base.precision == .fp32 ? .float32 : .bfloat16), eviction: .off))
        }
        return subjects
    }

    private func json(_ evaluation: NeedleEvaluation, _ results: [NeedleEvaluation.SubjectCells]) -> JSONObject {
        var subjects = JSONObject()
        for result in results {
            subjects[result.name] = .object(
                JSONObject([
                    "accuracy": .number(result.accuracy), "answer_logprob": .number(result.meanLogProbability),
                    "cells": .array(
                        result.cells.map { cell in
                            .object(
                                JSONObject([
                                    "length": .count(cell.length), "depth": .number(cell.depth),
                                    "samples": .count(cell.samples), "found": .count(cell.found),
                                    "accuracy": .number(cell.accuracy),
                                    "answer_logprob": .number(cell.meanLogProbability),
                                ]))
                        }),
                ]))
        }
        return JSONObject([
            "model": .string(command.model), "base": .text(command.base), "task": .string(command.task.rawValue),
            "path": .string(command.path.rawValue), "precision": .string(command.compute.precision.rawValue),
            "kv_dtype": .string(command.resolvedKVTypes[0].name), "seed": .seed(command.seed),
            "lengths": .array(evaluation.lengths.map { .count($0) }),
            "depths": .array(evaluation.depths.map { .number($0) }), "samples": .count(evaluation.samples),
            "subjects": .object(subjects), "plot": .text(command.needle.plot),
        ])
    }

    private func text(_ evaluation: NeedleEvaluation, _ results: [NeedleEvaluation.SubjectCells]) -> String {
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
        return """
            model   \(command.model)\(command.base.map { "\nbase    \($0)" } ?? "")
            task    \(command.task.rawValue), \(evaluation.samples) samples of each length and depth, seed \(command.seed)
            run     \(setup.backend), precision \(command.compute.precision.rawValue), KV \
            \(command.resolvedKVTypes[0].name), \(command.path.rawValue) path

            \(table.text)
            found: greedy decoding writes the whole answer. log p: nats per token of the answer, 0 is certain.
            dms evicts; no_evict is the same model without eviction.\(
                command.needle.plot.map { "\npicture: \($0)" } ?? "")

            """
    }
}
