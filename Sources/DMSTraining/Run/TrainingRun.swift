public import DMSCheckpoint
import DMSJSON
import DMSPolicy
public import DMSTensor

/// A whole run: steps, saved states, checkpoints on the way, and the finished model.
///
/// Whenever the process ends, by a signal or a full disk, what was saved last is whole; a run that goes on from there
/// ends with the same bits as one that was left alone.
public struct TrainingRun {
    /// How a run ended.
    public enum Outcome: Sendable, Hashable {
        /// All steps were taken, and the model is written.
        case finished
        /// It was asked to stop, and its state is saved.
        case interrupted(step: Int)
    }

    /// What takes the steps.
    public let trainer: Trainer
    /// Where its files go.
    public let folder: RunFolder
    /// The folder that tokenizer files come from.
    public let source: String
    /// What metadata and log call the base model.
    public let name: String
    /// The element type of the weights that are written.
    public let type: TensorDataType
    /// Steps between two saved states.
    public let saveEvery: Int
    private let identity: TrainingState.Identity
    private let replicas: any Replicas
    private let kernels: any TrainingKernels

    /// - Parameters:
    ///   - name: What the base model is called; `nil` takes the last part of `source`.
    ///   - corpusDigest: What identifies the corpus' tokens.
    ///   - modelDigest: What identifies the weights that training begins from.
    public init(
        _ trainer: Trainer, folder: RunFolder, source: String, name: String? = nil, type: TensorDataType,
        saveEvery: Int,
        corpusDigest: String, modelDigest: String, kernels: any TrainingKernels,
        replicas: any Replicas = SingleProcess()
    ) {
        self.trainer = trainer
        self.folder = folder
        self.source = source
        self.name = name ?? source.split(separator: "/").last.map(String.init) ?? source
        self.type = type
        self.saveEvery = saveEvery
        self.kernels = kernels
        self.replicas = replicas
        identity = TrainingState.Identity(
            recipe: trainer.recipe.json, corpus: corpusDigest, model: modelDigest,
            microSteps: trainer.recipe.gradientAccumulation * replicas.count)
    }

    /// Runs to the end, or until `shouldStop` says so between two steps.
    ///
    /// - Parameters:
    ///   - resuming: Whether to go on from the saved state, if there is one.
    ///   - onStart: Called before the first step, with the steps that were taken in earlier calls.
    ///   - onStep: Called after each step.
    /// - Throws: ``TrainingError`` for a loss that is not finite or a state of another run, `CheckpointError` for files.
    public func run(
        resuming: Bool, shouldStop: () -> Bool = { false }, onStart: (Int) -> Void = { _ in },
        onStep: (StepRecord) -> Void = { _ in }
    ) throws -> Outcome {
        try identity.requireSame(on: replicas)
        let writes = replicas.rank == 0
        // Once: what stands at that path later may be another model.
        let base = trainer.gates?.areAdapters == true ? try ModelDirectory.open(path: source) : nil
        if writes { try folder.require(resuming: resuming) }
        if resuming, writes, folder.hasState {
            try TrainingState.load(folder.state, into: trainer, identity: identity)
        }
        try TrainingState.share(trainer, over: replicas)
        var log = writes ? try StepLog(path: folder.steps, after: trainer.completedSteps) : nil
        let schedule = trainer.recipe.schedule
        onStart(trainer.completedSteps)
        while trainer.completedSteps < schedule.totalSteps {
            // All processes must take the same way, so they ask each other.
            if try replicas.sum([shouldStop() ? 1 : 0])[0] > 0 {
                if writes { try save() }
                return .interrupted(step: trainer.completedSteps)
            }
            let record = try trainer.step()
            try log?.append(record)
            onStep(record)
            guard writes else { continue }
            if let ratio = schedule.wholeRatio(reachedAfter: trainer.completedSteps) {
                try writePackage(to: folder.checkpoint(ratio: ratio), ratio: Double(ratio), base, log)
            }
            if trainer.completedSteps % saveEvery == 0 || trainer.completedSteps == schedule.totalSteps { try save() }
        }
        if writes {
            try writeLogs(log)
            try writePackage(to: folder.path, ratio: schedule.targetRatio, base, log)
            Directory.remove(folder.state)
        }
        try replicas.barrier()
        return .finished
    }

    private func save() throws { try TrainingState.save(trainer, identity: identity, to: folder.state) }

    private func writePackage(to path: String, ratio: Double, _ base: ModelDirectory?, _ log: StepLog?) throws {
        let package = try package(base)
        let recipe = trainer.recipe
        guard let dms = recipe.dms else {
            return try package.write(to: path, kernels: kernels, metadata: nil)
        }
        let measured = measured(log)
        var training = recipe.json
        training["completed_steps"] = .integer(Int64(trainer.completedSteps))
        training["processes"] = .integer(Int64(replicas.count))
        try package.write(to: path, kernels: kernels) { digest in
            DMSMetadata(
                configuration: dms, profile: recipe.profile, targetRatio: ratio, contextLength: recipe.contextLength,
                baseModel: name, weights: digest, training: training, measured: measured)
        }
    }

    /// Adapters are put beside the files of the base; gates in borrowed rows are part of its weights.
    private func package(_ base: ModelDirectory?) throws -> CheckpointPackage {
        if let base, let gates = trainer.gates { return CheckpointPackage(base: base, adapters: gates, type: type) }
        return CheckpointPackage(weights: try trainer.mergedWeights(), type: type, companionDirectory: source)
    }

    /// The means of the last steps, on training text.
    private func measured(_ log: StepLog?) -> JSONObject? {
        guard let last = log?.records.suffix(20), !last.isEmpty else { return nil }
        let count = Double(last.count)
        return JSONObject([
            "over_last_steps": .integer(Int64(last.count)),
            "training_kl_per_token": .number(last.reduce(0) { $0 + $1.tokenLoss } / count),
            "training_soft_eviction_rate": .number(last.reduce(0) { $0 + $1.softRate } / count),
            "training_hard_eviction_rate": .number(last.reduce(0) { $0 + $1.hardRate } / count),
        ])
    }

    private func writeLogs(_ log: StepLog?) throws {
        guard let log else { return }
        try AtomicFile.write(Array(TrainingCurves(log.records).svg.utf8), to: folder.curves)
        let recipe = trainer.recipe
        var config = JSONObject(["model": .string(name)])
        if let dms = recipe.dms {
            let ratio = recipe.schedule.targetRatio
            config["target_cr"] = Int64(exactly: ratio).map { .integer($0) } ?? .number(ratio)
            config["context_len"] = .integer(Int64(recipe.contextLength))
            config["window_size"] = .integer(Int64(dms.windowSize))
            config["zeroing_steps"] = .integer(Int64(recipe.schedule.zeroingSteps))
            config["steps_per_cr"] = .integer(Int64(recipe.schedule.stepsPerRatio))
            config["lr"] = .number(recipe.schedule.learningRate.peak)
            config["alpha_scale"] = .number(Double(dms.alphaScale))
            config["alpha_offset"] = .number(Double(dms.alphaOffset))
        }
        config["recipe"] = .object(recipe.json)
        var elapsed = 0.0
        let entries = log.records.map { record -> JSONValue in
            elapsed += record.seconds
            return .object(record.published(elapsed: elapsed))
        }
        let text = JSONValue.object(JSONObject(["config": .object(config), "log": .array(entries)])).text(indent: 2)
        try AtomicFile.write(Array((text + "\n").utf8), to: folder.log)
    }
}
