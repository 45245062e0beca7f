import ArgumentParser
import DMSCheckpoint
import DMSJSON
import DMSTensor
import DMSTokenizer
import DMSTraining

/// What both training verbs do once model and recipe are known: read the text, run, show, report.
struct TrainingSession {
    let options: TrainingOptions
    let recipe: Recipe
    let kernels: CPUKernels
    let precision: Precision
    let isJSON: Bool
    let folder: RunFolder
    let replicas: any Replicas
    /// Whether this process is the one that writes and speaks.
    private var isFirst: Bool { replicas.rank == 0 }

    init(
        _ options: TrainingOptions, recipe: Recipe, kernels: CPUKernels, precision: Precision, isJSON: Bool
    ) throws {
        self.options = options
        self.recipe = recipe
        self.kernels = kernels
        self.precision = precision
        self.isJSON = isJSON
        folder = RunFolder(options.output)
        replicas = try TrainingReplicas.join()
        // Before anything that takes long. Only the first process writes, so the others need not see its folder.
        if replicas.rank == 0 { try folder.require(resuming: options.resume) }
    }

    func readCorpus(_ tokenizer: Tokenizer, _ configuration: LlamaConfiguration) throws -> TrainingCorpus {
        let positions = configuration.maximumPositions
        if isFirst, recipe.contextLength > positions {
            Console.note(
                "dms: warning: --context-length \(recipe.contextLength) is more than the \(positions) positions that the "
                    + "model states (max_position_embeddings)")
        }
        let progress = EvalProgress(unit: "KiB")
        defer { progress.finish() }
        let corpus = try TrainingCorpus(
            paths: options.corpus, tokenizer: tokenizer,
            options: TrainingCorpus.Options(
                contextLength: recipe.contextLength, chunksPerBatch: recipe.batchSize * replicas.count,
                endOfText: configuration.endOfTextIDs.first, vocabularySize: configuration.vocabularySize)
        ) { if isFirst { progress.show("reading text,", $0.bytesRead >> 10, of: max(1, $0.byteCount >> 10)) } }
        progress.finish()
        if isFirst {
            for (path, marks) in corpus.marks.sorted(by: { $0.key < $1.key }) { TextWarnings.note(marks, in: path) }
        }
        return corpus
    }

    func run(
        _ trainer: Trainer, corpus: TrainingCorpus, source: String, type: TensorDataType, modelDigest: String
    ) throws {
        let run = TrainingRun(
            trainer, folder: folder, source: source, name: ModelName.ofFolder(source), type: type,
            saveEvery: options.saveEvery,
            corpusDigest: corpus.digest, modelDigest: modelDigest, kernels: kernels, replicas: replicas)
        let progress = TrainingProgress(total: recipe.schedule.totalSteps)
        StopSignals.install()
        var last: StepRecord?
        var tokens = 0
        var seconds = 0.0
        var begun = 0
        let started = { (steps: Int) in
            begun = steps
            if isFirst { announce(steps) }
        }
        let outcome = try run.run(
            resuming: options.resume, shouldStop: { StopSignals.wereReceived }, onStart: started
        ) { record in
            last = record
            tokens += record.tokens
            seconds += record.seconds
            if isFirst { progress.show(record) }
        }
        progress.finish()
        try replicas.leave()
        if case .interrupted(let step) = outcome {
            guard isFirst else { throw ExitCode(130) }
            Console.note(
                "dms: stopped after step \(step) of \(recipe.schedule.totalSteps), and saved; the same command with "
                    + "--resume goes on")
            throw ExitCode(130)
        }
        if isFirst { try report(last, begun: begun, tokens: tokens, seconds: seconds, corpus: corpus) }
    }

    /// What is going to happen, for the first step may take minutes.
    private func announce(_ steps: Int) {
        let total = recipe.schedule.totalSteps
        let tokens = recipe.contextLength * recipe.batchSize * recipe.gradientAccumulation * replicas.count
        let plan = "\(total) steps of \(tokens) tokens; each is a line of \(folder.steps)"
        if !options.resume { return Console.progress(plan) }
        let start = steps == 0 ? "nothing was saved here: begins with the first" : "goes on after step \(steps)"
        Console.note("dms: \(start) of \(plan)")
    }

    private func report(_ last: StepRecord?, begun: Int, tokens: Int, seconds: Double, corpus: TrainingCorpus) throws {
        let rate = seconds > 0 ? Double(tokens) / seconds : 0
        if isJSON {
            var object = JSONObject([
                "output": .string(options.output), "steps": .integer(Int64(recipe.schedule.totalSteps)),
                "corpus_tokens": .integer(Int64(corpus.tokens.count)), "tokens": .integer(Int64(tokens)),
                "seconds": .number(seconds), "tokens_per_second": .number(rate), "backend": .string(kernels.name),
            ])
            if let last { object["last_step"] = .object(last.json) }
            try Console.write(object)
        } else {
            let part = begun == 0 ? "" : ", after the \(begun) steps taken before"
            Console.progress(
                "trained on \(tokens) tokens in \(EvalProgress.duration(seconds)) (\(Int(rate)) tokens/s)\(part)")
            try Console.write("\(options.output)\n")
        }
    }
}
