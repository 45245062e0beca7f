import DMSCheckpoint
import DMSEngine
import DMSEvaluation
import DMSJSON
import DMSModel
import DMSPolicy
import DMSTensor

/// Compares continuations: `dms eval --task serving`.
struct EvalServingTask {
    let command: EvalCommand
    let setup: EvalSetup

    init(_ command: EvalCommand, _ setup: EvalSetup) {
        self.command = command
        self.setup = setup
    }

    func run() throws {
        let (context, prompts, steps) = command.serving.resolved
        let model = setup.loaded.model
        guard model.dms != nil else {
            throw EvaluationError(
                "\(setup.modelPath): --task serving compares eviction with none; required: DMS metadata")
        }
        let starts = try Self.starts(tokens: setup.tokens.count, context: context, prompts: prompts, setup)
        setup.warn(contextLength: context + steps)
        let runner = try ModelRunner(model, passLength: min(command.prefillChunk, context))
        let type = command.resolvedKVTypes[0]
        func path() -> any AttentionPath {
            command.path == .strict ? StrictPath(model, kvType: type) : CompactPath(model, kvType: type)
        }
        let comparison = try ServingComparison(
            reference: Subject(name: setup.modelPath, runner: runner, path: path(), eviction: .off),
            subject: Subject(name: setup.modelPath, runner: runner, path: path()), steps: steps)
        let progress = EvalProgress(unit: "prompts")
        var results: [ServingComparison.PromptResult] = []
        for start in starts {
            results.append(try comparison.compare(prompt: setup.tokens[start..<start + context]))
            progress.show("serving", results.count, of: starts.count)
        }
        progress.finish()
        let summary = ServingComparison.Summary(results)
        if command.json {
            try Console.write(json(results, summary, context: context))
        } else {
            try Console.write(text(results, summary, context: context))
        }
    }

    /// Prompts that are spread evenly over the corpus, the first at its start; they overlap where it is too short for
    /// that many.
    private static func starts(
        tokens: Int, context: Int, prompts: Int, _ setup: EvalSetup
    ) throws(EvaluationError) -> [Int] {
        guard tokens >= context + prompts - 1 else {
            throw EvaluationError(
                "\(setup.corpusName ?? ""): the corpus has \(tokens) tokens; required: at least "
                    + "\(context + prompts - 1) for \(prompts) prompts of \(context)")
        }
        return (0..<prompts).map { prompts == 1 ? 0 : $0 * (tokens - context) / (prompts - 1) }
    }

    private func figures(_ matchRate: Double?, _ divergence: Divergence) -> JSONObject {
        JSONObject([
            "token_match": .measure(matchRate), "kld": .measure(divergence.meanKL),
            "max_kld": .number(divergence.largestKL), "steps_scored": .count(divergence.count),
        ])
    }

    private func json(
        _ results: [ServingComparison.PromptResult], _ summary: ServingComparison.Summary, context: Int
    ) -> JSONObject {
        var object = JSONObject([
            "model": .string(setup.modelPath), "corpus": .text(command.corpus),
            "task": .string(command.task.rawValue), "path": .string(command.path.rawValue),
            "precision": .string(command.compute.precision.rawValue),
            "kv_dtype": .string(command.resolvedKVTypes[0].name),
            "zero_channel": .text(setup.loaded.dms?.configuration.zeroing.name), "context": .count(context),
            "steps": .count(command.serving.resolved.steps),
        ])
        for (key, value) in figures(summary.matchRate, summary.divergence).entries { object[key] = value }
        object["prompts"] = .array(
            results.map { result in
                var entry = JSONObject(["offset": .count(result.offset)])
                for (key, value) in figures(result.matchRate, result.divergence).entries { entry[key] = value }
                entry["steps_until_divergence"] = .count(result.stepsUntilDivergence)
                return .object(entry)
            })
        return object
    }

    private func text(
        _ results: [ServingComparison.PromptResult], _ summary: ServingComparison.Summary, context: Int
    ) -> String {
        var table = TextTable(["prompt at token", "token match", "same until step", "KLD", "max KL", "steps scored"])
        for result in results {
            table.add(
                ["\(result.offset)", percent(result.matchRate), "\(result.stepsUntilDivergence) of \(result.steps)"]
                    + kl(result.divergence))
        }
        table.add(["all", summary.matchRate.map(percent) ?? "-", ""] + kl(summary.divergence))
        return """
            model   \(setup.modelPath)
            corpus  \(command.corpus ?? ""): \(results.count) prompts of \(context) tokens, \
            \(command.serving.resolved.steps) greedy steps each
            run     \(setup.backend), precision \(command.compute.precision.rawValue), KV \
            \(command.resolvedKVTypes[0].name), \(command.path.rawValue) path

            \(table.text)
            With eviction against the same model without. token match: share of steps with the same token. KLD: \
            KL(no eviction || eviction)
            in nats per step, until the texts part, that step included.

            """
    }

    private func percent(_ value: Double) -> String { "\(Units.fixed(value * 100, 1)) %" }

    private func kl(_ divergence: Divergence) -> [String] {
        [
            EvalReport.number(divergence.meanKL, 6), EvalReport.number(divergence.largestKL, 4), "\(divergence.count)",
        ]
    }
}
