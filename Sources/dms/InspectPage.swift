import ArgumentParser
import DMSCheckpoint
import DMSEngine
import DMSEvaluation
import DMSJSON
import DMSModel
import DMSPicture
import DMSPolicy
import DMSTensor
import DMSTokenizer
import DMSTraining

/// The report of `dms inspect`: what was asked for is measured, and written.
struct InspectPage {
    private static let defaultChunks = 4

    let command: InspectCommand
    let modelPath: String
    let loaded: LoadedModel
    let kernels: CPUKernels

    private var options: InspectPageOptions { command.report }
    private var kvType: ScalarType { command.cache.type(for: command.compute.precision) }
    private var seed: UInt64 { options.seed ?? 0 }
    private var name: String { ModelName.ofFolder(modelPath) }

    init(_ command: InspectCommand, modelPath: String) throws {
        self.command = command
        self.modelPath = modelPath
        kernels = try CPUKernels(threads: command.compute.threads)
        loaded = try LoadedModel(path: modelPath, precision: command.compute.precision, kernels: kernels)
    }

    /// Measures and writes everything.
    func write(to output: String) throws -> InspectPageReport {
        try OutputFile.requireWritable(output)
        // What is quick to refuse first.
        let training = try training()
        let text = try InspectText(command, loaded)
        let base = try options.base.map {
            try BaseModel.load(
                $0, for: loaded, text: text.text, tokens: text.tokens, hasStart: !options.noBos,
                precision: command.compute.precision, layout: .stored, kernels: kernels)
        }
        if let parts = options.parts { try OutputFile.makeFolder(parts) }
        let progress = EvalProgress(unit: "tokens")
        let trace = try RetentionTrace(loaded.model, name: modelPath, tokens: text.read, kvType: kvType) {
            progress.show("reading", $0, of: text.readCount)
        }
        progress.finish()
        var report = RetentionReport(
            ReportSubject(loaded, name: name),
            text: RetentionReport.Text(
                name: text.name, tokens: text.read, wholeTokenCount: text.tokens.count, marked: text.marked,
                tokenizer: loaded.tokenizer), trace: trace)
        report.training = training
        if options.measure.contains(.perplexity) { report.sweep = try sweep(text, base) }
        if options.measure.contains(.recall) { report.recall = try recall(base) }
        try AtomicFile.write(Array(report.html().utf8), to: output)
        var files: [String] = []
        if let folder = options.parts {
            for part in report.parts {
                files.append(folder + "/" + part.name)
                try AtomicFile.write(Array(part.svg.utf8), to: folder + "/" + part.name)
            }
        }
        return InspectPageReport(report: report, output: output, parts: files)
    }

    private func training() throws -> RetentionReport.Training? {
        guard let path = options.trainingLog ?? TrainingCurves.log(inModelDirectory: modelPath) else { return nil }
        return RetentionReport.Training(
            try TrainingCurves(logFile: path).charts(), source: path.split(separator: "/").last.map(String.init) ?? path
        )
    }

    private func sweep(_ text: InspectText, _ base: LlamaModel?) throws -> ControlSweep {
        let full = text.tokens.count / max(1, text.readCount)
        let chunks = try EvaluationChunks(
            tokens: text.tokens, length: text.readCount, limit: options.chunks ?? min(Self.defaultChunks, max(1, full)))
        let progress = EvalProgress(unit: "chunks")
        defer { progress.finish() }
        return try ControlSweep(
            loaded.model, name: modelPath, base: base.map { ($0, options.base ?? "base") }, chunks: chunks,
            kvType: kvType, passLength: GenerationParameters.defaultPrefillChunk, seed: seed
        ) { progress.show("perplexity", $0, of: $1) }
    }

    private func recall(_ base: LlamaModel?) throws -> RetentionReport.Recall {
        let positions = loaded.directory.configuration.maximumPositions
        let usual = [512, 1024].filter { $0 <= positions }
        let lengths = options.lengths?.counts ?? (usual.isEmpty ? [positions] : usual)
        let encode = { (text: String) in loaded.tokenizer.stream(text, hasStart: !options.noBos) }
        let evaluation = try NeedleEvaluation(
            source: SuitedSource.make(seed: seed, length: lengths.min() ?? 1, encode: encode), lengths: lengths,
            depths: (options.depths?.percents ?? [0, 25, 50, 75, 100]).map { Double($0) / 100 },
            samples: options.samples ?? 4)
        let passLength = min(GenerationParameters.defaultPrefillChunk, lengths.max() ?? 1)
        let subjects = try NeedleSubjects.make(loaded.model, base: base, kvType: kvType, passLength: passLength)
        let controls =
            loaded.model.dms == nil
            ? nil
            : try NeedleControls(
                try ModelRunner(loaded.model, passLength: passLength), kvType: kvType, seed: seed)
        let progress = EvalProgress(unit: "samples")
        defer { progress.finish() }
        let cells = try evaluation.run(subjects, controls: controls, encode: encode) {
            progress.show(evaluation.source.name, $0, of: evaluation.sampleCount(withControls: controls != nil))
        }
        return RetentionReport.Recall(evaluation, cells)
    }
}
