import DMSCheckpoint
import DMSEngine
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTokenizer
import DMSTraining

/// Trains a toy from nothing and teaches it to evict: `retrofit TOKENIZER_FOLDER OUTPUT`.
///
/// Some seconds of training show how the parts fit together, and nothing about quality.
@main
struct Retrofit {
    static let contextLength = 64
    static let text = String(
        repeating: "The grass is green. The sky is blue. The sun is yellow. The sea is deep. ", count: 60)

    static func main() async throws {
        guard CommandLine.arguments.count == 3 else {
            print("usage: retrofit TOKENIZER_FOLDER OUTPUT")
            return
        }
        let (tokenizer, output) = (CommandLine.arguments[1], CommandLine.arguments[2])
        let base = output + "/base"
        let evicting = output + "/evicting"
        let kernels = try CPUKernels()
        try pretrain(to: base, tokenizerFolder: tokenizer, kernels)
        try teachToEvict(base, to: evicting, kernels)
        try await show(evicting)
    }

    /// A base model; whoever has one begins with the next step.
    static func pretrain(to output: String, tokenizerFolder: String, _ kernels: CPUKernels) throws {
        let tokenizer = try Tokenizer(file: tokenizerFolder + "/tokenizer.json")
        let text = """
            {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 96,
             "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
             "vocab_size": \(tokenizer.vocabularySize), "rms_norm_eps": 1e-5, "max_position_embeddings": 512,
             "rope_theta": 10000, "hidden_act": "silu", "tie_word_embeddings": true, "torch_dtype": "bfloat16"}
            """
        let configuration = try LlamaConfiguration(parsing: Array(text.utf8))
        let recipe = try Recipe(
            schedule: TrainingSchedule(pretrainingSteps: 40, learningRate: LearningRate(peak: 3e-3)),
            contextLength: contextLength, batchSize: 4, gradientAccumulation: 1, seed: 1)
        let corpus = TrainingCorpus(tokens: tokenizer.encode(Self.text), contextLength: contextLength)
        let trainer = try Trainer(
            recipe: recipe, weights: LlamaParameters(random: configuration, seed: 1), base: nil, corpus: corpus,
            kernels: kernels)
        try run(trainer, corpus, source: tokenizerFolder, modelDigest: "random", to: output, kernels)
    }

    /// The retrofit: the student starts as the base, and stays close to it while it learns what to keep.
    static func teachToEvict(_ base: String, to output: String, _ kernels: CPUKernels) throws {
        let directory = try ModelDirectory.open(path: base)
        let tokenizer = try Tokenizer(file: directory.tokenizerPath)
        let recipe = try Recipe(
            // Two steps to free the channel that becomes the gate, ten for each unit of ratio up to 4.
            schedule: TrainingSchedule(
                zeroingSteps: 2, stepsPerRatio: 10, holdSteps: 0, targetRatio: 4,
                learningRate: LearningRate(peak: 1e-3), firstTemperature: 1, lastTemperature: 0.1),
            contextLength: contextLength, batchSize: 4, gradientAccumulation: 1, seed: 1,
            penalty: CompressionPenalty(loss: .relu, weight: 1, headCap: nil),
            dms: DMSConfiguration(profile: .fastdms, windowSize: 8, alphaScale: 100, alphaOffset: 5))
        let teacher = try LlamaModel(
            configuration: directory.configuration,
            weights: LlamaWeights(directory, precision: .fp32, kernels: kernels), dms: nil, precision: .fp32,
            kernels: kernels)
        let corpus = TrainingCorpus(tokens: tokenizer.encode(text), contextLength: contextLength)
        let trainer = try Trainer(
            recipe: recipe, weights: LlamaParameters(directory, kernels: kernels), base: teacher, corpus: corpus,
            kernels: kernels)
        let digest = try WeightsDigest(directory: base).sha256
        try run(trainer, corpus, source: base, modelDigest: digest, to: output, kernels)
    }

    static func run(
        _ trainer: Trainer, _ corpus: TrainingCorpus, source: String, modelDigest: String, to output: String,
        _ kernels: CPUKernels
    ) throws {
        let run = TrainingRun(
            trainer, folder: RunFolder(output), source: source, type: .bfloat16, saveEvery: 1000,
            corpusDigest: corpus.digest,
            modelDigest: modelDigest, kernels: kernels)
        _ = try run.run(
            resuming: false,
            onStep: { record in
                guard record.step % 10 == 0 || record.step == trainer.recipe.schedule.totalSteps else { return }
                print("step \(record.step): \(record.tokenLoss) nats per token, \(record.hardRate) evicted")
            })
    }

    /// What came of it is a checkpoint like any other.
    static func show(_ path: String) async throws {
        let engine = try Engine(directory: path)
        let stream = try engine.stream(String(text.prefix(300)), maximumTokens: 24)
        let answer = try await stream.reduce(into: "") { $0 += $1 }
        print("\(path) goes on:\(answer)")
        // What an engine has counted is whole when it has ended.
        await engine.shutDown()
        let counts = engine.statistics
        print("evicted \(counts.evictions) of \(counts.decisions) decisions")
    }
}
