import ArgumentParser
import DMSCheckpoint
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTokenizer
import DMSTraining

struct RetrofitCommand: ModelUsing {
    static let configuration = CommandConfiguration(
        commandName: "retrofit",
        abstract: "Teach a base model to evict from its cache.",
        discussion: """
              dms retrofit --model BASE --corpus text.txt --output OUT
              dms retrofit --model BASE --corpus text.txt --output OUT --resume

            Two phases, as published for Dynamic Memory Sparsification (arXiv 2506.05345). First one query channel per KV \
            head is faded out (--zeroing-steps); then it learns, as a gate, which tokens to evict, while the ratio asked \
            for rises from 1 to --target-ratio. Throughout, the model is kept close to what it was (KL divergence from \
            the base). Steps are optimizer steps: each takes --gradient-accumulation times --batch-size sequences.

            --output holds the finished checkpoint, which plain Transformers loads too, with dms_metadata.json and \
            training_log.json; under training/ one line a step (steps.jsonl), the curves (curves.svg), and a checkpoint \
            for every whole ratio on the way (cr2, cr3, …). Ctrl-C saves and stops; --resume goes on with the same bits.

            With --decision-source adapter no channel is borrowed: each layer gets a small norm and projection of its own \
            on the residual stream, and only those are trained, beside a base that stays as it is, byte by byte. That is \
            how NVIDIA's trainer does it, with --profile nvidia.

            With --kl-reduction sum the divergence is summed over a sequence, as published, and 100 is the usual \
            --compression-weight; with mean it is per token, and 100 divided by the sequence's length does the same. \
            Small models want a larger learning rate than the published 3e-5.

            With --json: output, steps, corpus_tokens, tokens, seconds, tokens_per_second, backend and last_step.
            """)

    @Option(help: HubOptions.help("The base model"))
    var model: String

    @Option(help: HubOptions.help("The model to stay close to", orElse: "the base model"))
    var teacher: String?

    @OptionGroup var training: TrainingOptions

    @Option(help: ArgumentHelp("The ratio to reach: 8 keeps one token of 8.", valueName: "ratio"))
    var targetRatio = 8.0

    @Option(help: ArgumentHelp("Tokens of a sequence.", valueName: "tokens"))
    var contextLength = 4096

    @Option(help: ArgumentHelp("An evicted token lives on for so many tokens.", valueName: "tokens"))
    var window = 256

    @Option(
        help: ArgumentHelp(
            "Steps of the first phase. (default: 2000; 0 where the gate alone learns)", valueName: "steps"))
    var zeroingSteps: Int?

    @Option(help: ArgumentHelp("Steps per unit of ratio in the second phase.", valueName: "steps"))
    var stepsPerRatio = 100

    @Option(help: ArgumentHelp("Steps at the target ratio after it is reached.", valueName: "steps"))
    var holdSteps = 0

    @Option(help: "The learning rate.")
    var learningRate = 3e-5

    @Option(help: ArgumentHelp("constant or cosine.", valueName: "shape"))
    var schedule = LearningRate.Shape.constant

    @Option(help: ArgumentHelp("Multiplies the learning rate of the gates.", valueName: "factor"))
    var gateLearningRate = 1.0

    @Option(help: ArgumentHelp("Passes in a step.", valueName: "count"))
    var gradientAccumulation = 4

    @Option(
        help: ArgumentHelp(
            "The weight of the compression loss. (default: 100 with sum, 100 / (context length - 1) with mean)"))
    var compressionWeight: Double?

    @Option(help: ArgumentHelp("relu or l2.", valueName: "loss"))
    var compressionLoss = CompressionLoss.relu

    @Option(help: ArgumentHelp("mean (per token) or sum (per sequence).", valueName: "reduction"))
    var klReduction = Recipe.Reduction.mean

    @Option(help: ArgumentHelp("The largest share that one head may keep, 0 to 1. (default: none)", valueName: "share"))
    var headCap: Double?

    @Option(
        help: ArgumentHelp("all weights, or the gate alone. (default: all; gate with adapters)", valueName: "weights"))
    var train: Recipe.Trainable?

    @Option(help: ArgumentHelp("The gates' temperature at the start.", valueName: "tau"))
    var tauFirst = 1.0

    @Option(help: ArgumentHelp("The gates' temperature at the end.", valueName: "tau"))
    var tauLast = 0.1

    @Option(help: ArgumentHelp("The factor on the gate's raw value.", valueName: "scale"))
    var alphaScale: Float = 100

    @Option(help: ArgumentHelp("Subtracted from it.", valueName: "offset"))
    var alphaOffset: Float = 5

    @Option(help: ArgumentHelp("fastdms or nvidia: who decides about a token, and when the channel is 0."))
    var profile = "fastdms"

    @Option(
        help: ArgumentHelp("Where gates read: channels of the queries, or adapters of their own.", valueName: "source"))
    var decisionSource = DecisionSource.borrowedQueryChannel

    @OptionGroup(title: "Computing")
    var compute: TrainingComputeOptions

    @OptionGroup var hub: HubOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws { _ = try recipe() }

    mutating func resolveModels(_ folder: (String) throws -> String) throws {
        model = try folder(model)
        if let teacher { self.teacher = try folder(teacher) }
    }

    func run() throws {
        if OutputFile.isSame(training.output, model) {
            throw TrainingError("--output \(training.output): found the base model's own folder, required a new one")
        }
        if window >= contextLength {
            Console.note(
                "dms: warning: --window \(window) is not below --context-length \(contextLength): no query of a sequence "
                    + "is so far from a token, so nothing is evicted in training and gates learn from their penalty alone"
            )
        }
        if try !semantics().knownSources.contains(decisionSource) {
            Console.note(
                "dms: warning: profile \(profile) knows no \(decisionSource): dms runs the result, and no other engine does; "
                    + "NVIDIA's own are --profile nvidia")
        }
        let session = try TrainingSession(
            training, recipe: try recipe(), kernels: try CPUKernels(threads: compute.threads),
            precision: compute.precision, isJSON: json)
        let kernels = session.kernels
        let directory = try ModelDirectory.open(path: model)
        if try DMSMetadata.read(directory: model, config: directory.configuration.raw) != nil {
            throw TrainingError("\(model): found a model with DMS metadata, required a base model without")
        }
        try LlamaParameters.requireTrainable(directory.configuration, place: model)
        let tokenizer = try Tokenizer(file: directory.tokenizerPath)
        let corpus = try session.readCorpus(tokenizer, directory.configuration)
        let weights = try LlamaParameters(directory, kernels: kernels)
        let trainer = try Trainer(
            recipe: session.recipe, weights: weights, base: try base(directory, weights, kernels), corpus: corpus,
            kernels: kernels, precision: compute.precision, replicas: session.replicas)
        let stored = directory.weights[LlamaTensorName.embedding]?.dtype
        try session.run(
            trainer, corpus: corpus, source: model, type: stored == .float32 ? .float32 : .bfloat16,
            modelDigest: try WeightsDigest(directory: model).sha256)
    }

    /// The model to stay close to; it shares the weights' memory where they do not change.
    private func base(
        _ directory: ModelDirectory, _ weights: LlamaParameters, _ kernels: CPUKernels
    ) throws -> LlamaModel {
        if teacher == nil, trainable == .gate {
            return try LlamaModel(
                configuration: directory.configuration, weights: try weights.inferenceWeights(), dms: nil,
                precision: .fp32, kernels: kernels)
        }
        let other = try teacher.map { try ModelDirectory.open(path: $0) } ?? directory
        let expected = directory.configuration.vocabularySize
        guard other.configuration.vocabularySize == expected else {
            throw TrainingError(
                "\(other.path): found a vocabulary of \(other.configuration.vocabularySize) tokens, required "
                    + "\(expected), as the model in \(model) has: predictions are compared token by token")
        }
        return try LlamaModel(
            configuration: other.configuration,
            weights: try LlamaWeights(other, precision: compute.precision, layout: .rows, kernels: kernels), dms: nil,
            precision: compute.precision, kernels: kernels)
    }

    private var trainable: Recipe.Trainable { train ?? (decisionSource == .adapter ? .gate : .all) }

    private func recipe() throws -> Recipe {
        try TrainingOptions.validated {
            let schedule = try TrainingSchedule(
                zeroingSteps: zeroingSteps ?? (trainable == .gate ? 0 : 2000), stepsPerRatio: stepsPerRatio,
                holdSteps: holdSteps, targetRatio: targetRatio,
                learningRate: try LearningRate(
                    peak: learningRate, shape: schedule, warmupSteps: training.warmupSteps),
                firstTemperature: tauFirst, lastTemperature: tauLast)
            let weight = compressionWeight ?? (klReduction == .sum ? 100 : 100 / Double(max(1, contextLength - 1)))
            return try Recipe(
                schedule: schedule, contextLength: contextLength, batchSize: training.batchSize,
                gradientAccumulation: gradientAccumulation, seed: training.seed, trainable: trainable,
                reduction: klReduction,
                penalty: try CompressionPenalty(loss: compressionLoss, weight: weight, headCap: headCap),
                gateRate: gateLearningRate, dms: try configuration(), profile: try semantics(),
                activationBytes: training.activationMemory.bytes)
        }
    }

    private func configuration() throws -> DMSConfiguration {
        do {
            let semantics = try semantics()
            return try DMSConfiguration(
                source: decisionSource, channel: semantics.channel, decisionShift: semantics.decisionShift,
                zeroing: decisionSource == .adapter ? .none : semantics.zeroing, windowSize: window,
                windowInclusive: semantics.windowInclusive, alphaScale: alphaScale, alphaOffset: alphaOffset)
        } catch let error as PolicyError {
            throw TrainingError(error.description)
        }
    }

    private func semantics() throws -> SemanticsProfile {
        do { return try SemanticsProfile(named: profile) } catch { throw TrainingError(error.description) }
    }
}

/// How training is computed.
struct TrainingComputeOptions: ParsableArguments {
    @Option(help: "fp32 or bf16: how products are computed; weights, sums and moments are FP32 in both.")
    var precision = Precision.fp32

    @Option(help: "Threads that compute; changes no result. (default: one per processor)")
    var threads: Int?

    func validate() throws {
        if precision == .int8 {
            throw ValidationError("--precision: found int8, required fp32 or bf16: training has no 8-bit products")
        }
        try ThreadsOption.validate(threads)
    }
}
