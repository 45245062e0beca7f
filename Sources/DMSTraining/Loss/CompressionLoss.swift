/// How falling short of the eviction target is punished.
public enum CompressionLoss: String, Sendable, Hashable, CaseIterable {
    /// `max(0, target − rate)`: the paper's, one-sided.
    case relu
    /// `(target − rate)²`: also pulls back a gate that evicts more than it has to.
    case l2

    /// The loss of a soft eviction rate.
    public func value(rate: Double, target: Double) -> Double {
        switch self {
        case .relu: max(0, target - rate)
        case .l2: (target - rate) * (target - rate)
        }
    }

    /// Its derivative by the rate.
    public func derivative(rate: Double, target: Double) -> Double {
        switch self {
        case .relu: rate < target ? -1 : 0
        case .l2: -2 * (target - rate)
        }
    }
}

/// The penalty on a pass's soft decisions: on their mean, and where a cap is set on each head that keeps too much.
public struct CompressionPenalty: Sendable, Hashable {
    /// The shape of the penalty.
    public let loss: CompressionLoss
    /// What it is multiplied by beside the divergence.
    public let weight: Double
    /// The largest share of tokens that one (layer, KV head) may keep; `nil`: heads divide the work as they like.
    public let headCap: Double?

    /// - Throws: ``TrainingError`` for a negative or non-finite weight, and a cap outside `0 ..< 1`.
    public init(loss: CompressionLoss, weight: Double, headCap: Double?) throws {
        guard weight.isFinite, weight >= 0 else {
            throw TrainingError("compression weight", found: "\(weight)", required: "a finite number of at least 0")
        }
        if let headCap, !(headCap > 0 && headCap < 1) {
            throw TrainingError("head cap", found: "\(headCap)", required: "a share between 0 and 1")
        }
        self.loss = loss
        self.weight = weight
        self.headCap = headCap
    }

    /// The weighted penalty and its gradient by one alpha of each head, `[layer][head]`.
    ///
    /// The cap asks of every head a rate of `1 − cap`, or of the target while that is lower; what each head falls short
    /// of it is averaged over the heads.
    public func apply(_ statistics: GateStatistics, target: Double) -> (value: Double, alphaGradient: [[Float]]) {
        let rate = statistics.softRate
        var value = weight * loss.value(rate: rate, target: target)
        let common = weight * loss.derivative(rate: rate, target: target) / Double(max(1, statistics.decisions))
        var gradient = Array(
            repeating: Array(repeating: Float(common), count: statistics.heads), count: statistics.layers)
        if let headCap {
            let demanded = min(target, 1 - headCap)
            let heads = Double(statistics.layers * statistics.heads)
            for layer in 0..<statistics.layers {
                for head in 0..<statistics.heads {
                    let rate = statistics.softRate(layer: layer, head: head)
                    guard rate < demanded else { continue }
                    value += weight * (demanded - rate) / heads
                    gradient[layer][head] -= Float(weight / Double(max(1, statistics.decisions)))
                }
            }
        }
        return (value, gradient)
    }
}
