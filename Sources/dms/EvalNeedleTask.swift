import DMSCheckpoint
import DMSEngine
import DMSEvaluation
import DMSJSON
import DMSModel
import DMSPicture
import DMSPolicy
import DMSTensor
import DMSTokenizer

/// Looks for what was hidden in a text: `dms eval --task recall`, `needle`, `multi-key` and `variable-tracking`.
struct EvalNeedleTask {
    let command: EvalCommand
    let setup: EvalSetup

    init(_ command: EvalCommand, _ setup: EvalSetup) {
        self.command = command
        self.setup = setup
    }

    func run() throws {
        guard let source = command.task.source(seed: command.seed) else {
            preconditionFailure("\(command.task) is no needle task")
        }
        let evaluation = try NeedleEvaluation(
            source: source, lengths: command.needle.resolvedLengths,
            depths: command.needle.resolvedDepths, samples: command.needle.samples ?? 4)
        setup.warn(contextLength: evaluation.lengths.max() ?? 0)
        for picture in [command.needle.plot, command.needle.textPlot].compactMap({ $0 }) {
            try OutputFile.requireWritable(picture)
        }
        let progress = EvalProgress(unit: "samples")
        let subjects = try subjects()
        let controls = command.controls ? try controls() : nil
        let results = try evaluation.run(
            subjects, controls: controls, encode: encode,
            onSample: { progress.show(source.name, $0, of: evaluation.sampleCount(withControls: controls != nil)) })
        progress.finish()
        if let plot = command.needle.plot {
            try AtomicFile.write(Array(HeatMap(evaluation, results, model: setup.modelName).svg().utf8), to: plot)
        }
        if let plot = command.needle.textPlot {
            let picture = try keptText(evaluation, subjects[0], controls)
            try AtomicFile.write(Array(picture.svg().utf8), to: plot)
        }
        let report = EvalNeedleReport(command: command, setup: setup, evaluation: evaluation, results: results)
        if command.json { try Console.write(report.json) } else { try Console.write(report.text) }
    }

    private func encode(_ text: String) -> [Int32] { setup.loaded.tokenizer.stream(text, hasStart: !command.noBos) }

    private func controls() throws -> NeedleControls {
        try NeedleControls(try runner(), kvType: command.resolvedKVTypes[0], seed: command.seed)
    }

    private func runner() throws -> ModelRunner {
        try ModelRunner(setup.loaded.model, passLength: passLength)
    }

    private var passLength: Int { min(command.prefillChunk, command.needle.resolvedLengths.max() ?? 1) }

    /// The first sample of the longest length and the middle depth, as the subject and its controls remember it.
    private func keptText(
        _ evaluation: NeedleEvaluation, _ subject: Subject, _ controls: NeedleControls?
    ) throws -> KeptText {
        let length = evaluation.lengths.max() ?? 1
        let depth = evaluation.depths.sorted()[evaluation.depths.count / 2]
        let sample = try evaluation.source.sample(length: length, depth: depth, number: 0, encode: encode)
        let shares = try evaluation.keptShares(of: sample, subject, controls: controls)
        let tokens = sample.tokens.dropLast()
        return KeptText(
            title: "What is left of \(tokens.count) tokens when the question is asked",
            pieces: try tokens.map { try setup.loaded.tokenizer.decode([$0]) },
            marked: sample.answerPlaces,
            panels: shares.map { name, shares in
                let live = Double(tokens.count) / max(shares.reduce(0, +), 1e-9)
                return KeptText.Panel(title: "\(name): live ratio \(Units.ratio(live))", shares: shares)
            },
            caption: "A word is the further from the ground, the more KV heads of all layers still store it; one "
                + "that no longer differs is forgotten by all. Framed: what is asked for.\n"
                + "\(setup.modelName), task \(evaluation.source.name), length \(length), "
                + "depth \(Units.percent(depth)), seed \(command.seed)")
    }

    private func subjects() throws -> [Subject] {
        try NeedleSubjects.make(
            setup.loaded.model, base: setup.base, kvType: command.resolvedKVTypes[0], passLength: passLength,
            isStrict: command.path == .strict)
    }
}
