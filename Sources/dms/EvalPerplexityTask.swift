import DMSEngine
import DMSEvaluation
import DMSModel

/// Scores a corpus: `dms eval --task wikitext`.
struct EvalPerplexityTask {
    let command: EvalCommand
    let setup: EvalSetup

    init(_ command: EvalCommand, _ setup: EvalSetup) {
        self.command = command
        self.setup = setup
    }

    func run() throws {
        let chunks: EvaluationChunks
        do {
            chunks = try EvaluationChunks(
                tokens: setup.tokens, length: command.perplexity.length, limit: command.perplexity.chunks)
        } catch {
            throw EvaluationError("\(setup.corpusName ?? ""): \(error)")
        }
        setup.warn(contextLength: chunks.length)
        var options = ModelEvaluation.Options()
        options.paths = command.path.kinds
        options.kvTypes = command.resolvedKVTypes
        options.evicts = !command.noEvict
        options.controls = command.controls
        options.passLength = min(command.prefillChunk, chunks.length)
        options.seed = command.seed
        let evaluation = try ModelEvaluation(
            setup.loaded.model, name: setup.modelPath, base: setup.base.map { ($0, command.base ?? "base") },
            options: options)
        let line = EvalProgress(unit: "chunks")
        let found = try evaluation.run(chunks) { progress in
            let label = progress.isCounting ? "counting live tokens" : "scoring"
            line.show(label, progress.chunk, of: progress.chunkCount)
        }
        line.finish()
        let report = EvalReport(command: command, setup: setup, evaluation: evaluation, found: found)
        if command.json { try Console.write(report.json) } else { try Console.write(report.text) }
    }
}
