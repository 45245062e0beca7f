public import DMSJSON
public import DMSPolicy

/// Everything that decides what a training run computes, but for the model and the corpus.
///
/// Two runs with equal recipes on the same machine give the same bits; a run is resumed only under the recipe it began
/// with.
public struct Recipe: Sendable, Hashable {
    /// Which weights learn.
    public enum Trainable: String, Sendable, Hashable, CaseIterable {
        /// All of them, as in the published recipe.
        case all
        /// The gates alone; the base stays as it is, bit for bit, and one copy of it is student and teacher.
        case gate
    }

    /// How the divergence of a sequence's positions becomes one number.
    public enum Reduction: String, Sendable, Hashable, CaseIterable {
        /// Nats per token.
        case mean
        /// Nats per sequence, as in the published recipe; with it goes a compression weight about `T − 1` times larger.
        case sum
    }

    /// What each step is for.
    public var schedule: TrainingSchedule
    /// Tokens of a sequence.
    public var contextLength: Int
    /// Sequences in a micro-step.
    public var batchSize: Int
    /// Micro-steps in an optimizer step, per process.
    public var gradientAccumulation: Int
    /// What the order of the text and all noise follow from.
    public var seed: UInt64
    /// Which weights learn.
    public var trainable: Trainable
    /// How a sequence's divergence becomes one number.
    public var reduction: Reduction
    /// What asks for compression; `nil` in pretraining.
    public var penalty: CompressionPenalty?
    /// Multiplies the learning rate of the gates.
    public var gateRate: Double
    /// The numbers of AdamW.
    public var optimizer: Optimizer.Settings
    /// What the gates mean; `nil` in pretraining.
    public var dms: DMSConfiguration?
    /// The profile that metadata name; every field of ``dms`` is written beside it.
    public var profile: SemanticsProfile
    /// Bytes that kept activations may take; not part of what is computed.
    public var activationBytes: Int

    /// - Throws: ``TrainingError`` naming the value that cannot be.
    public init(
        schedule: TrainingSchedule, contextLength: Int, batchSize: Int, gradientAccumulation: Int, seed: UInt64,
        trainable: Trainable = .all, reduction: Reduction = .mean, penalty: CompressionPenalty? = nil,
        gateRate: Double = 1, optimizer: Optimizer.Settings = .init(),
        dms: DMSConfiguration? = nil, profile: SemanticsProfile = .fastdms, activationBytes: Int = 2 << 30
    ) throws {
        guard contextLength >= 2 else {
            throw TrainingError("context length", found: "\(contextLength)", required: "at least 2 tokens")
        }
        guard batchSize >= 1 else { throw TrainingError("batch size", found: "\(batchSize)", required: "at least 1") }
        guard gradientAccumulation >= 1 else {
            throw TrainingError("gradient accumulation", found: "\(gradientAccumulation)", required: "at least 1")
        }
        guard gateRate.isFinite, gateRate > 0 else {
            throw TrainingError("gate learning rate", found: "\(gateRate)", required: "a finite factor above 0")
        }
        guard trainable == .all || schedule.zeroingSteps == 0 else {
            throw TrainingError(
                "zeroing steps", found: "\(schedule.zeroingSteps) while only the gates learn",
                required: "0, because zeroing trains the other weights")
        }
        guard trainable == .gate || dms?.source != .adapter else {
            throw TrainingError(
                "train", found: "\(trainable.rawValue) while gates are adapters",
                required: "gate, because adapters stand beside a base that stays as it is")
        }
        self.schedule = schedule
        self.contextLength = contextLength
        self.batchSize = batchSize
        self.gradientAccumulation = gradientAccumulation
        self.seed = seed
        self.trainable = trainable
        self.reduction = reduction
        self.penalty = penalty
        self.gateRate = gateRate
        self.optimizer = optimizer
        self.dms = dms
        self.profile = profile
        self.activationBytes = activationBytes
    }

    /// The recipe as it stands in metadata and in a saved state.
    public var json: JSONObject {
        var object = JSONObject([
            "context_length": .integer(Int64(contextLength)), "batch_size": .integer(Int64(batchSize)),
            "gradient_accumulation": .integer(Int64(gradientAccumulation)), "seed": .integer(Int64(bitPattern: seed)),
            "learning_rate": .number(schedule.learningRate.peak),
            "learning_rate_schedule": .string(schedule.learningRate.shape.rawValue),
            "warmup_steps": .integer(Int64(schedule.learningRate.warmupSteps)),
            "total_steps": .integer(Int64(schedule.totalSteps)),
            "adam_beta1": .number(optimizer.beta1), "adam_beta2": .number(optimizer.beta2),
            "adam_epsilon": .number(optimizer.epsilon), "weight_decay": .number(optimizer.weightDecay),
            "gradient_clip": .number(optimizer.clip),
        ])
        guard let dms, let penalty else { return object }
        object["train"] = .string(trainable.rawValue)
        object["zeroing_steps"] = .integer(Int64(schedule.zeroingSteps))
        object["steps_per_ratio"] = .integer(Int64(schedule.stepsPerRatio))
        object["gating_steps"] = .integer(Int64(schedule.gatingSteps))
        object["target_ratio"] = .number(schedule.targetRatio)
        object["tau_first"] = .number(schedule.firstTemperature)
        object["tau_last"] = .number(schedule.lastTemperature)
        object["gate_learning_rate_factor"] = .number(gateRate)
        object["noise"] = .string("logistic")
        object["kl_reduction"] = .string(reduction.rawValue)
        object["compression_loss"] = .string(penalty.loss.rawValue)
        object["compression_weight"] = .number(penalty.weight)
        object["head_cap"] = penalty.headCap.map { .number($0) }
        object["profile"] = .string(profile.name)
        // Not stated by states that were saved before there were adapters.
        if dms.source == .adapter { object["decision_source"] = .string(dms.source.name) }
        object["window_size"] = .integer(Int64(dms.windowSize))
        object["alpha_scale"] = .number(Double(dms.alphaScale))
        object["alpha_offset"] = .number(Double(dms.alphaOffset))
        object["decision_shift"] = .integer(Int64(dms.decisionShift))
        object["zero_channel"] = .string(dms.zeroing.name)
        object["channel"] = .string(dms.channel.description)
        object["window_inclusive"] = .bool(dms.windowInclusive)
        return object
    }
}
