/// Counts of durations by upper bound, as Prometheus defines a histogram.
struct Histogram: Sendable, Hashable {
    /// Upper bounds in seconds, ascending; what is above the last counts in the total alone.
    let bounds: [Double]
    /// How many lie above the bound before and not above this one.
    private(set) var counts: [Int]
    private(set) var sum = 0.0
    private(set) var total = 0

    init(bounds: [Double]) {
        self.bounds = bounds
        counts = [Int](repeating: 0, count: bounds.count)
    }

    mutating func observe(_ seconds: Double) {
        sum += seconds
        total += 1
        if let bucket = bounds.firstIndex(where: { seconds <= $0 }) { counts[bucket] += 1 }
    }

    /// How many are at most each bound.
    var cumulative: [Int] {
        counts.reduce(into: []) { $0.append(($0.last ?? 0) + $1) }
    }
}
