#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The decision of training: the hard threshold of ``EvictionDecision``, softened so that it has a gradient.
///
///     z     = (logit + noise) / temperature
///     alpha = sigmoid(z)             how far a key is evicted, 0 … 1
///     bias  = log(1 − alpha)         added to the scores of the queries that no longer see an evicted key
///
/// At alpha 0 the bias is 0 and the key is kept; at alpha 1 it is −∞ and the key is gone: both ends are the hard rule.
/// The bias is computed as `logsigmoid(−z)`, which needs no clamp. With logistic noise this is the binary concrete
/// distribution (Maddison, Mnih, Teh, arXiv 1611.00712).
public struct SoftGate: Sendable, Hashable {
    /// What serving will do with the same raw values.
    public let decision: EvictionDecision
    /// Above 0; the smaller, the nearer to the hard threshold.
    public let temperature: Float

    /// - Throws: ``PolicyError`` unless the temperature is finite and above 0.
    public init(_ decision: EvictionDecision, temperature: Float) throws(PolicyError) {
        guard temperature.isFinite, temperature > 0 else {
            throw PolicyError(field: "temperature", found: "\(temperature)", required: "a finite number above 0")
        }
        self.decision = decision
        self.temperature = temperature
    }

    /// The soft decision for a raw gate value; `noise` is a draw of ``LogisticNoise``, or 0.
    public func decide(raw: Float, noise: Float) -> SoftDecision {
        SoftDecision(score: (decision.logit(raw: raw) + noise) / temperature)
    }

    /// The gradient of a loss by the raw gate value, from its gradients by bias and by alpha of the same decision.
    ///
    ///     dz = dbias · (−alpha) + dalpha · alpha · (1 − alpha)
    public func rawGradient(of soft: SoftDecision, bias: Float, alpha: Float) -> Float {
        let scoreGradient = -bias * soft.alpha + alpha * soft.alpha * soft.keepShare
        return scoreGradient / temperature * decision.alphaScale
    }
}

/// What a soft gate decided about one key.
public struct SoftDecision: Sendable, Hashable {
    /// `z`, the noisy logit over the temperature.
    public let score: Float

    public init(score: Float) { self.score = score }

    /// How far the key is evicted: `sigmoid(z)`.
    public var alpha: Float { Self.sigmoid(score) }

    /// `1 − alpha`, without the cancellation.
    public var keepShare: Float { Self.sigmoid(-score) }

    /// `log(1 − alpha)`: at most 0, finite for every finite score.
    public var bias: Float { -(max(score, 0) + log1p(exp(-abs(score)))) }

    private static func sigmoid(_ x: Float) -> Float {
        // The exponential of a negative number only: no overflow on either side.
        let e = exp(-abs(x))
        return x >= 0 ? 1 / (1 + e) : e / (1 + e)
    }
}

/// Noise of the logistic distribution, the difference of two Gumbel variables: mean 0, so that it does not bias a gate.
///
/// A hash of seed, step, micro-step, layer and place: a resumed run draws what an undisturbed one would have.
public struct LogisticNoise: Sendable, Hashable {
    private let draw: HashedDraw

    /// - Precondition: No number is negative.
    public init(seed: UInt64, step: Int, microStep: Int) {
        draw = HashedDraw(seed: seed).at(step).at(microStep)
    }

    /// The noise of one layer, from which ``LayerNoise/value(sequence:head:position:)`` draws.
    public func layer(_ layer: Int) -> LayerNoise { LayerNoise(draw: draw.at(layer)) }

    /// The noise of one layer in one micro-step.
    public struct LayerNoise: Sendable, Hashable {
        fileprivate let draw: HashedDraw

        /// The draw for one decision.
        public func value(sequence: Int, head: Int, position: Int) -> Float {
            let u = draw.at(sequence).at(head).at(position).openUniform
            return Float(log(u) - log1p(-u))
        }
    }
}
