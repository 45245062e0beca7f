#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Where values lie along an axis, and which of them are written beside it.
struct ChartScale {
    /// The ends of the axis.
    let low: Double
    let high: Double
    /// Round values from `low` to `high`.
    let ticks: [Double]
    private let isLogarithmic: Bool

    /// An axis for all values; those that are not finite, or not above 0 on a logarithmic one, are not on it.
    ///
    /// - Parameter margin: The share of a linear axis that is free before the first value and behind the last; `nil` for an
    ///   axis that goes from one round value to another.
    init(_ values: [Double], kind: LineChart.Axis.Kind, margin: Double? = nil) {
        let usable = values.filter { $0.isFinite && (kind != .logarithmic || $0 > 0) }
        let least = usable.min() ?? 0
        let most = usable.max() ?? 1
        isLogarithmic = kind == .logarithmic && !usable.isEmpty
        if isLogarithmic {
            // A little room, so that no mark is cut.
            low = least / 1.12
            high = most * 1.12
            ticks = Self.logarithmicTicks(low, high)
        } else {
            let first = kind == .fromZero ? min(0, least) : least
            let span = max(most - first, abs(most) * 1e-6, 1e-12)
            if let margin {
                low = kind == .fromZero && first == 0 ? 0 : first - span * margin
                high = first + span * (1 + margin)
                // Never fewer than two, wherever the axis begins.
                let step = Self.roundStep((high - low) / 8)
                ticks = Array(stride(from: (low / step - 1e-9).rounded(.up) * step, through: high, by: step))
                return
            }
            let step = Self.roundStep(span / 5)
            let start = (first / step).rounded(.down)
            let end = max(start + 1, (most / step - 1e-9).rounded(.up))
            low = start * step
            high = end * step
            ticks = (0...Int(end - start)).map { (start + Double($0)) * step }
        }
    }

    /// 0 at the low end, 1 at the high one; `nil` for what is not on the axis.
    func place(_ value: Double) -> Double? {
        guard value.isFinite, !isLogarithmic || value > 0 else { return nil }
        let place =
            isLogarithmic ? log(value / low) / log(high / low) : (value - low) / max(high - low, .leastNormalMagnitude)
        return min(1, max(0, place))
    }

    /// The smallest of 1, 2 and 5 times a power of ten that is not below `step`.
    private static func roundStep(_ step: Double) -> Double {
        let power = pow(10, floor(log10(step)))
        for factor in [1.0, 2, 5] where factor * power >= step * (1 - 1e-9) { return factor * power }
        return 10 * power
    }

    private static func logarithmicTicks(_ low: Double, _ high: Double) -> [Double] {
        var fine: [Double] = []
        // Below, powers of ten are 0 and would stay so.
        var power = pow(10, floor(log10(max(low, .leastNormalMagnitude))))
        while power <= high {
            fine += [1.0, 2, 5].map { $0 * power }.filter { $0 >= low && $0 <= high }
            power *= 10
        }
        let decades = fine.filter { abs(log10($0).rounded() - log10($0)) < 1e-9 }
        if fine.count > 8, decades.count > 1 { return decades }
        if fine.count >= 2 { return fine }
        // Less than a factor of two or three: as on a linear axis.
        let step = roundStep((high - low) / 4)
        return Array(stride(from: (low / step).rounded(.up) * step, through: high, by: step))
    }
}
