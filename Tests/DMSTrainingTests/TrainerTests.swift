import DMSCheckpoint
import DMSJSON
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Foundation
import Testing

@testable import DMSTraining

/// A run of a few steps on a tiny checkpoint.
struct TinyRun {
    let base: TemporaryFolder
    let directory: ModelDirectory
    let corpus: TrainingCorpus

    init(tokens: Int = 64 * 40) throws {
        base = try TemporaryFolder()
        try TinyCheckpoint().write(to: base.path)
        try base.write(JSONValue.object(ByteTokenizer.file).text(), to: "tokenizer.json")
        directory = try ModelDirectory.open(path: base.path)
        var generator = SeededGenerator(seed: 9)
        corpus = TrainingCorpus(tokens: (0..<tokens).map { _ in Int32(generator.next() % 97) }, contextLength: 64)
    }

    func recipe(
        trainable: Recipe.Trainable = .all, accumulation: Int = 2, learningRate: Double = 1e-3,
        reduction: Recipe.Reduction = .mean, dialect: Dialect = .fastdms
    ) throws -> Recipe {
        try Recipe(
            schedule: try TrainingSchedule(
                zeroingSteps: trainable == .all ? 3 : 0, stepsPerRatio: 2, holdSteps: 1, targetRatio: 4,
                learningRate: try LearningRate(peak: learningRate), firstTemperature: 1, lastTemperature: 0.1),
            contextLength: 64, batchSize: 2, gradientAccumulation: accumulation, seed: 4, trainable: trainable,
            reduction: reduction, penalty: try CompressionPenalty(loss: .relu, weight: 0.3, headCap: 0.5),
            gateRate: 3,
            dms: try dialect.configuration(window: 8), profile: dialect == .fastdms ? .fastdms : .nvidia)
    }

    /// Adapters beside a base that stays as it is.
    func adapterRecipe(accumulation: Int = 2, learningRate: Double = 1e-3) throws -> Recipe {
        try recipe(
            trainable: .gate, accumulation: accumulation, learningRate: learningRate, dialect: .nvidiaAdapter)
    }

    func trainer(_ recipe: Recipe, replicas: any Replicas = SingleProcess(), threads: Int = 1) throws -> Trainer {
        let kernels = try CPUKernels(threads: threads)
        let weights = try LlamaParameters(directory, kernels: kernels)
        let bound =
            recipe.trainable == .gate
            ? try weights.inferenceWeights() : try LlamaWeights(directory, precision: .fp32, kernels: kernels)
        let base = try LlamaModel(
            configuration: directory.configuration, weights: bound, dms: nil, precision: .fp32, kernels: kernels)
        return try Trainer(
            recipe: recipe, weights: weights, base: base, corpus: corpus, kernels: kernels, replicas: replicas)
    }

    func run(_ trainer: Trainer, in folder: String, saveEvery: Int = 2) throws -> TrainingRun {
        TrainingRun(
            trainer, folder: RunFolder(folder), source: base.path, type: .float32, saveEvery: saveEvery,
            corpusDigest: corpus.digest, modelDigest: "tiny", kernels: try CPUKernels(threads: 1))
    }
}

@Suite("Training steps")
struct TrainerTests {
    @Test("The borrowed rows fade, are exactly 0 after the zeroing phase, and stay so")
    func zeroing() throws {
        let tiny = try TinyRun()
        let trainer = try tiny.trainer(try tiny.recipe(learningRate: 1e-2))
        let gates = try #require(trainer.gates)
        var divergences: [Double] = []
        for step in 0..<trainer.recipe.schedule.totalSteps {
            divergences.append(try trainer.step().tokenLoss)
            #expect(gates.borrowedRowsAreZero(in: trainer.weights) == (step >= 2), "after step \(step + 1)")
        }
        #expect(divergences.allSatisfy { $0 > 0 && $0.isFinite })
        #expect(bits(gates.arena).contains { $0 != 0 }, "no gate has moved")
    }

    @Test("A gate begins by keeping everything")
    func start() throws {
        let tiny = try TinyRun()
        let trainer = try tiny.trainer(try tiny.recipe(trainable: .gate))
        // Gates at logit -5 with logistic noise: a mean alpha of a few percent.
        let record = try trainer.step()
        #expect(record.hardRate == 0)
        #expect(record.softRate < 0.05)
        #expect(record.tokenLoss < 0.1)
    }

    @Test("Training the gates alone leaves every weight of the base as it was, and moves the gates")
    func gateOnly() throws {
        let tiny = try TinyRun()
        let trainer = try tiny.trainer(try tiny.recipe(trainable: .gate))
        let before = bits(trainer.weights.arena)
        for _ in 0..<4 { _ = try trainer.step() }
        #expect(bits(trainer.weights.arena) == before)
        let gates = try #require(trainer.gates)
        #expect(bits(gates.arena).contains { $0 != 0 })
    }

    @Test("The soft rate follows a target that rises", arguments: Dialect.allCases)
    func follows(dialect: Dialect) throws {
        let tiny = try TinyRun()
        var recipe = try tiny.recipe(trainable: .gate, accumulation: 1, learningRate: 3e-3, dialect: dialect)
        recipe.schedule = try TrainingSchedule(
            zeroingSteps: 0, stepsPerRatio: 25, holdSteps: 10, targetRatio: 4,
            learningRate: try LearningRate(peak: 3e-3), firstTemperature: 1, lastTemperature: 0.1)
        recipe.penalty = try CompressionPenalty(loss: .relu, weight: 3, headCap: nil)
        let trainer = try tiny.trainer(recipe)
        var last: StepRecord?
        for _ in 0..<recipe.schedule.totalSteps { last = try trainer.step() }
        let record = try #require(last)
        #expect(record.targetRate == 0.75)
        // A gate that stays where it began has some percent; how near it comes depends on the last bits of an instruction set.
        #expect(record.softRate > 0.5, "\(record.softRate)")
        #expect(abs(record.hardRate - record.softRate) < 0.15, "\(record.hardRate) hard, \(record.softRate) soft")
    }

    @Test("The same bits for any number of threads", arguments: [2, 3])
    func threads(count: Int) throws {
        let tiny = try TinyRun()
        let one = try tiny.trainer(try tiny.recipe())
        let several = try tiny.trainer(try tiny.recipe(), threads: count)
        for _ in 0..<5 {
            var (left, right) = (try one.step(), try several.step())
            left.seconds = 0
            right.seconds = 0
            #expect(left == right)
        }
        #expect(bits(one.weights.arena) == bits(several.weights.arena))
    }

    @Test("The sum over a sequence is the mean times its length")
    func reductions() throws {
        let tiny = try TinyRun()
        let mean = try tiny.trainer(try tiny.recipe()).step()
        let sum = try tiny.trainer(try tiny.recipe(reduction: .sum)).step()
        #expect(abs(sum.tokenLoss - mean.tokenLoss) < 1e-9)
        #expect(abs(sum.gradientNorm / mean.gradientNorm - 63) < 0.01)
    }

    @Test("A loss that is not finite stops before anything moves, and names the step")
    func notFinite() throws {
        let tiny = try TinyRun()
        let trainer = try tiny.trainer(try tiny.recipe())
        _ = try trainer.step()
        trainer.weights.layer(1).down.pointer[0] = .nan
        let before = bits(trainer.weights.arena)
        let error = #expect(throws: TrainingError.self) { try trainer.step() }
        #expect(error?.description.contains("step 2") == true)
        #expect(bits(trainer.weights.arena) == before)
        #expect(trainer.completedSteps == 1)
    }

    @Test("Two processes take the steps of one with twice the accumulation")
    func replicas() throws {
        let tiny = try TinyRun()
        let alone = try tiny.trainer(try tiny.recipe(accumulation: 4))
        let pair = ReplicaPair()
        let first = try tiny.trainer(try tiny.recipe(accumulation: 2), replicas: pair.member(0))
        let second = try tiny.trainer(try tiny.recipe(accumulation: 2), replicas: pair.member(1))
        nonisolated(unsafe) let other = second
        let thread = Thread {
            for _ in 0..<5 { _ = try? other.step() }
            pair.finish()
        }
        thread.start()
        for _ in 0..<5 {
            let (left, right) = (try alone.step(), try first.step())
            #expect(abs(left.tokenLoss - right.tokenLoss) < 1e-6 && left.tokens == right.tokens)
        }
        pair.waitUntilFinished()
        #expect(bits(first.weights.arena) == bits(second.weights.arena), "replicas have come apart")
        let difference = (0..<alone.weights.arena.count).map {
            abs(alone.weights.arena.pointer[$0] - first.weights.arena.pointer[$0])
        }.max()
        // Five steps of 1e-3 at most each: sums in another order move a weight by far less than a step.
        let largest = try #require(difference)
        #expect(largest < 1e-4)
    }
}

@Suite("Processes that begin together")
struct ReplicaStartTests {
    private static func inPair<T: Sendable>(_ body: @escaping @Sendable (any Replicas) -> T) -> [T] {
        let pair = ReplicaPair()
        nonisolated(unsafe) var second: T?
        let thread = Thread {
            second = body(pair.member(1))
            pair.finish()
        }
        thread.start()
        let first = body(pair.member(0))
        pair.waitUntilFinished()
        return [first] + [second].compactMap { $0 }
    }

    @Test("All go on from the state of process 0, which alone has read one")
    func share() throws {
        let tiny = try TinyRun()
        let trainers = try (0..<2).map { _ in try tiny.trainer(try tiny.recipe()) }
        for _ in 0..<2 { _ = try trainers[0].step() }
        #expect(bits(trainers[0].weights.arena) != bits(trainers[1].weights.arena))
        nonisolated(unsafe) let both = trainers
        _ = Self.inPair { replicas in try? TrainingState.share(both[replicas.rank], over: replicas) }
        #expect(trainers[1].completedSteps == 2)
        for (left, right) in zip(TrainingState.arenas(of: trainers[0]), TrainingState.arenas(of: trainers[1])) {
            #expect(bits(left.arena) == bits(right.arena), "\(left.name)")
        }
    }

    @Test("Other options, another text and another model are found by the process that has them", arguments: 0..<4)
    func identity(_ what: Int) throws {
        let errors = Self.inPair { replicas -> String in
            let differs = replicas.rank == 1
            let identity = TrainingState.Identity(
                recipe: JSONObject(["seed": .integer(what == 1 && differs ? 2 : 1)]),
                corpus: what == 2 && differs ? "b" : "a", model: what == 3 && differs ? "b" : "a", microSteps: 2)
            do { try identity.requireSame(on: replicas) } catch { return "\(error)" }
            return ""
        }
        #expect(errors[0].isEmpty)
        if what == 0 {
            #expect(errors[1].isEmpty)
        } else {
            #expect(errors[1].contains("process 1 of 2: \(["options", "corpus", "model"][what - 1])"))
        }
    }
}

@Suite("Whole runs")
struct TrainingRunTests {
    @Test("A run that stops anywhere and goes on ends with the bits of one left alone", arguments: [1, 3, 4, 7, 9])
    func resume(stop: Int) throws {
        let tiny = try TinyRun()
        let folder = try TemporaryFolder()
        let undisturbed = folder.path + "/a"
        let interrupted = folder.path + "/b"
        let whole = try tiny.run(try tiny.trainer(try tiny.recipe()), in: undisturbed)
        try whole.folder.require(resuming: false)
        let first = try whole.run(resuming: false)
        #expect(first == .finished)

        let part = try tiny.run(try tiny.trainer(try tiny.recipe()), in: interrupted)
        try part.folder.require(resuming: false)
        let stopped = try part.run(resuming: false, shouldStop: { part.trainer.completedSteps == stop })
        #expect(stopped == .interrupted(step: stop))
        let rest = try tiny.run(try tiny.trainer(try tiny.recipe()), in: interrupted)
        try rest.folder.require(resuming: true)
        let second = try rest.run(resuming: true)
        #expect(second == .finished)

        for name in ["model.safetensors", "dms_metadata.json", "config.json", "training/cr2/model.safetensors"] {
            let left = try Data(contentsOf: URL(fileURLWithPath: undisturbed + "/" + name))
            let right = try Data(contentsOf: URL(fileURLWithPath: interrupted + "/" + name))
            // Metadata hold means of what was logged, nothing about time.
            #expect(left == right, "\(name)")
        }
        let log = try StepLog(path: rest.folder.steps, after: 10)
        #expect(log.records.map(\.step) == Array(1...10))
    }

    @Test("The finished folder is a checkpoint that states what it is, and loads")
    func package() throws {
        let tiny = try TinyRun()
        let folder = try TemporaryFolder()
        let run = try tiny.run(try tiny.trainer(try tiny.recipe()), in: folder.path + "/out")
        try run.folder.require(resuming: false)
        _ = try run.run(resuming: false)
        let directory = try ModelDirectory.open(path: folder.path + "/out")
        let metadata = try #require(try directory.dmsMetadata())
        #expect(metadata.configuration.windowSize == 8 && metadata.targetRatio == 4 && metadata.contextLength == 64)
        #expect(metadata.weightsSHA256 != nil)
        #expect(directory.configuration.raw["dms_cr"] == .integer(4))
        let kernels = try CPUKernels(threads: 1)
        let loaded = try LlamaParameters(directory, kernels: kernels)
        let merged = try run.trainer.mergedWeights()
        #expect(bits(loaded.arena) == bits(merged.arena))
        let text = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/out/training_log.json"))
        let log = try JSONReader.parse(Array(text)).objectValue
        #expect(log?["log"]?.arrayValue?.count == 10)
        #expect(log?["config"]?.objectValue?["steps_per_cr"] == .integer(2))
        let entry = log?["log"]?.arrayValue?.last?.objectValue
        for key in ["kd_loss", "compression_loss", "loss", "target_cr", "actual_eviction_rate", "tau", "elapsed_sec"] {
            #expect(entry?[key]?.doubleValue != nil, "\(key)")
        }
        #expect(FileManager.default.fileExists(atPath: run.folder.curves))
        #expect(!FileManager.default.fileExists(atPath: run.folder.state))
    }

    @Test("A run is not taken up under another recipe, corpus or model")
    func identity() throws {
        let tiny = try TinyRun()
        let folder = try TemporaryFolder()
        let run = try tiny.run(try tiny.trainer(try tiny.recipe()), in: folder.path + "/out")
        try run.folder.require(resuming: false)
        _ = try run.run(resuming: false, shouldStop: { run.trainer.completedSteps == 2 })
        let other = try tiny.run(try tiny.trainer(try tiny.recipe(learningRate: 2e-3)), in: folder.path + "/out")
        let error = #expect(throws: TrainingError.self) { try other.run(resuming: true) }
        #expect(error?.description.contains("learning_rate") == true)
        let shorter = try TinyRun(tokens: 64 * 39)
        let another = TrainingRun(
            try tiny.trainer(try tiny.recipe()), folder: run.folder, source: tiny.base.path, type: .float32,
            saveEvery: 2, corpusDigest: shorter.corpus.digest, modelDigest: "tiny", kernels: try CPUKernels(threads: 1))
        let second = #expect(throws: TrainingError.self) { try another.run(resuming: true) }
        #expect(second?.description.contains("corpus") == true)
    }

    @Test("A folder with something in it is left alone")
    func occupied() throws {
        let folder = try TemporaryFolder()
        try folder.write("mine", to: "notes.txt")
        #expect(throws: TrainingError.self) { try RunFolder(folder.path).require(resuming: false) }
        #expect(throws: TrainingError.self) { try RunFolder(folder.path).require(resuming: true) }
    }

    @Test("A run that was ended before its first save begins again")
    func unsaved() throws {
        let folder = try TemporaryFolder()
        let run = RunFolder(folder.path + "/out")
        // Nothing but the folder was made: a command that failed before its first step is no run.
        try run.require(resuming: false)
        try run.require(resuming: false)
        try AtomicFile.write(Array("{}\n".utf8), to: run.steps)
        try run.require(resuming: true)
        #expect(!run.hasState)
        let error = #expect(throws: TrainingError.self) { try run.require(resuming: false) }
        #expect(error?.description.contains("--resume") == true)
    }
}
