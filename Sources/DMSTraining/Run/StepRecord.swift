public import DMSJSON

/// What one optimizer step did.
public struct StepRecord: Sendable, Hashable {
    /// Counted from 1.
    public var step: Int
    /// Which part of the recipe the step belongs to.
    public var phase: TrainingPhase
    /// What was minimised, averaged over the step's micro-steps.
    public var loss: Double
    /// Nats per scored token: cross-entropy in pretraining, else KL(teacher ‖ student).
    public var tokenLoss: Double
    /// The weighted compression penalty.
    public var penalty: Double
    /// The mean of alpha.
    public var softRate: Double
    /// What serving would evict: the hard threshold, without noise.
    public var hardRate: Double
    /// The compression ratio that was asked for.
    public var ratio: Double
    /// The same as a rate: `1 − 1 / ratio`.
    public var targetRate: Double
    /// Of the gates.
    public var temperature: Double
    /// Of this step, without the gates' factor.
    public var learningRate: Double
    /// Before clipping.
    public var gradientNorm: Double
    /// Tokens of the step.
    public var tokens: Int
    /// Its time.
    public var seconds: Double

    /// A line of the step log.
    public var json: JSONObject {
        var object = JSONObject([
            "step": .integer(Int64(step)), "phase": .integer(Int64(phase.rawValue)), "loss": .number(loss),
            phase == .pretraining ? "cross_entropy" : "kl_per_token": .number(tokenLoss),
        ])
        if phase == .gating {
            object["compression_loss"] = .number(penalty)
            object["soft_eviction_rate"] = .number(softRate)
            object["hard_eviction_rate"] = .number(hardRate)
            object["target_cr"] = .number(ratio)
            object["target_eviction_rate"] = .number(targetRate)
            object["tau"] = .number(temperature)
        }
        object["learning_rate"] = .number(learningRate)
        object["gradient_norm"] = .number(gradientNorm)
        object["tokens"] = .integer(Int64(tokens))
        object["seconds"] = .number(seconds)
        return object
    }

    /// An entry of `log` in the published `training_log.json`.
    ///
    /// - Parameter elapsed: Seconds of training up to and including this step.
    public func published(elapsed: Double) -> JSONObject {
        var object = JSONObject(["step": .integer(Int64(step)), "phase": .integer(Int64(phase.rawValue))])
        if phase == .gating {
            object["kd_loss"] = .number(loss - penalty)
            object["compression_loss"] = .number(penalty)
        }
        object["loss"] = .number(loss)
        if phase == .gating {
            object["target_cr"] = .number(ratio)
            object["target_eviction_rate"] = .number(targetRate)
            object["actual_eviction_rate"] = .number(softRate)
            object["tau"] = .number(temperature)
        }
        object["elapsed_sec"] = .number(elapsed)
        return object
    }
}

extension StepRecord {
    /// Reads a line of the step log.
    ///
    /// - Throws: ``TrainingError`` for a line that is not one.
    public init(_ object: JSONObject, file: String) throws {
        func number(_ key: String) throws -> Double {
            guard let value = object[key]?.doubleValue else {
                throw TrainingError(
                    "\(file): \(key)", found: object[key]?.text() ?? "nothing", required: "a number")
            }
            return value
        }
        let phaseNumber = Int(try number("phase"))
        guard let phase = TrainingPhase(rawValue: phaseNumber) else {
            throw TrainingError("\(file): phase", found: "\(phaseNumber)", required: "0, 1 or 2")
        }
        let isGating = phase == .gating
        self.init(
            step: Int(try number("step")), phase: phase, loss: try number("loss"),
            tokenLoss: try number(phase == .pretraining ? "cross_entropy" : "kl_per_token"),
            penalty: isGating ? try number("compression_loss") : 0,
            softRate: isGating ? try number("soft_eviction_rate") : 0,
            hardRate: isGating ? try number("hard_eviction_rate") : 0, ratio: isGating ? try number("target_cr") : 1,
            targetRate: isGating ? try number("target_eviction_rate") : 0,
            temperature: isGating ? try number("tau") : 1, learningRate: try number("learning_rate"),
            gradientNorm: try number("gradient_norm"), tokens: Int(try number("tokens")),
            seconds: try number("seconds"))
    }
}
