import ArgumentParser
import DMSCheckpoint
import DMSTensor
import DMSTokenizer
import DMSTraining

struct PretrainCommand: ModelUsing {
    static let configuration = CommandConfiguration(
        commandName: "pretrain",
        abstract: "Train a base model from scratch.",
        discussion: """
              dms corpus recall --output recall --chunks 8000
              dms pretrain --config recall/config.json --tokenizer recall/tokenizer.json \\
                --corpus recall/corpus.jsonl --output BASE --steps 2000

            A model of the shape in --config learns to predict the next token of --corpus, from random weights. The same \
            trainer as 'dms retrofit', which can then teach the result to evict. Small models only: on two cores a \
            million parameters learn from some ten thousand tokens a second.

            --output holds the model in Hugging Face format, its weights in BF16, and under training/ one line a step and \
            the curves. Ctrl-C saves and stops; --resume goes on with the same bits. With --initial a model learns on, for \
            example from short texts to long ones.

            With --json: output, steps, corpus_tokens, tokens, seconds, tokens_per_second, backend and last_step.
            """)

    @Option(help: ArgumentHelp("A config.json: the model's shape.", valueName: "file"))
    var config: String

    @Option(help: ArgumentHelp("A tokenizer.json; the files beside it are taken along.", valueName: "file"))
    var tokenizer: String

    @Option(help: HubOptions.help("A model whose weights to begin from", orElse: "random weights"))
    var initial: String?

    @OptionGroup var training: TrainingOptions

    @Option(help: ArgumentHelp("Optimizer steps.", valueName: "count"))
    var steps: Int

    @Option(help: ArgumentHelp("Tokens of a sequence.", valueName: "tokens"))
    var contextLength = 1024

    @Option(help: "The learning rate.")
    var learningRate = 1e-3

    @Option(help: ArgumentHelp("constant or cosine.", valueName: "shape"))
    var schedule = LearningRate.Shape.cosine

    @Option(help: ArgumentHelp("Passes in a step.", valueName: "count"))
    var gradientAccumulation = 1

    @OptionGroup(title: "Computing")
    var compute: TrainingComputeOptions

    @OptionGroup var hub: HubOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        _ = try recipe()
        guard tokenizer.split(separator: "/").last == "tokenizer.json" else {
            throw ValidationError("--tokenizer: found \(tokenizer), required a file named tokenizer.json")
        }
    }

    mutating func resolveModels(_ folder: (String) throws -> String) throws {
        if let initial { self.initial = try folder(initial) }
    }

    func run() throws {
        let session = try TrainingSession(
            training, recipe: try recipe(), kernels: try CPUKernels(threads: compute.threads),
            precision: compute.precision, isJSON: json)
        let text = try MappedFile.contents(ofPath: config, limit: 1 << 20)
        let configuration = try LlamaConfiguration(parsing: text, file: config)
        try LlamaParameters.requireTrainable(configuration, place: config)
        let corpus = try session.readCorpus(try Tokenizer(file: tokenizer), configuration)
        let (weights, digest) = try weights(configuration, text, session.kernels)
        let trainer = try Trainer(
            recipe: session.recipe, weights: weights, base: nil, corpus: corpus, kernels: session.kernels,
            precision: compute.precision, replicas: session.replicas)
        let folder = tokenizer.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let isRoot = folder.isEmpty && tokenizer.hasPrefix("/")
        try session.run(
            trainer, corpus: corpus, source: isRoot ? "/" : folder.isEmpty ? "." : folder, type: .bfloat16,
            modelDigest: digest)
    }

    /// What training begins from, and what identifies it.
    private func weights(
        _ configuration: LlamaConfiguration, _ text: [UInt8], _ kernels: CPUKernels
    ) throws -> (LlamaParameters, digest: String) {
        guard let initial else {
            let weights = try LlamaParameters(random: configuration, seed: training.seed)
            return (weights, TrainingCorpus.digest(of: text))
        }
        let directory = try ModelDirectory.open(path: initial)
        guard directory.configuration.expectedTensors == configuration.expectedTensors else {
            throw TrainingError(
                "\(initial): found tensors of other shapes, required those that \(config) describes")
        }
        let read = try LlamaParameters(directory, kernels: kernels)
        // The shape of the one with the configuration of the other: theirs may differ in what is no shape.
        let weights = try LlamaParameters(configuration)
        withExtendedLifetime(read) {
            weights.arena.pointer.update(from: read.arena.pointer, count: weights.arena.count)
        }
        return (weights, try WeightsDigest(directory: initial).sha256)
    }

    private func recipe() throws -> Recipe {
        try TrainingOptions.validated {
            try Recipe(
                schedule: try TrainingSchedule(
                    pretrainingSteps: steps,
                    learningRate: try LearningRate(
                        peak: learningRate, shape: schedule, warmupSteps: training.warmupSteps)),
                contextLength: contextLength, batchSize: training.batchSize,
                gradientAccumulation: gradientAccumulation, seed: training.seed,
                activationBytes: training.activationMemory.bytes)
        }
    }
}
