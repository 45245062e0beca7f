#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The learning rate over a run.
public struct LearningRate: Sendable, Hashable {
    /// What follows the warm-up.
    public enum Shape: String, Sendable, Hashable, CaseIterable {
        /// As the published recipe has it.
        case constant
        /// Down to a tenth of the peak, along half a period of a cosine (arXiv 1608.03983).
        case cosine
    }

    /// The largest rate.
    public let peak: Double
    /// What follows the warm-up.
    public let shape: Shape
    /// Steps over which it rises from `peak / warmupSteps` to the peak.
    public let warmupSteps: Int
    /// What a cosine ends at, as a share of the peak.
    public static let cosineFloor = 0.1

    /// - Throws: ``TrainingError`` unless the peak is finite and positive and the warm-up not negative.
    public init(peak: Double, shape: Shape = .constant, warmupSteps: Int = 0) throws {
        guard peak.isFinite, peak > 0 else {
            throw TrainingError("learning rate", found: "\(peak)", required: "a finite number above 0")
        }
        guard warmupSteps >= 0 else {
            throw TrainingError("warm-up", found: "\(warmupSteps) steps", required: "0 or more")
        }
        self.peak = peak
        self.shape = shape
        self.warmupSteps = warmupSteps
    }

    /// The rate of a step counted from 0, in a run of `total` steps.
    public func value(step: Int, of total: Int) -> Double {
        if step < warmupSteps { return peak * Double(step + 1) / Double(warmupSteps) }
        guard shape == .cosine, total > warmupSteps else { return peak }
        let progress = Double(step - warmupSteps) / Double(total - warmupSteps)
        let share = 0.5 * (1 + cos(Double.pi * min(1, progress)))
        return peak * (Self.cosineFloor + (1 - Self.cosineFloor) * share)
    }
}
