/// Nucleus sampling: keeps the smallest set of best tokens whose probability exceeds p (Holtzman et al., "The Curious
/// Case of Neural Text Degeneration", arXiv 1904.09751).
///
/// As in Transformers, tokens are removed from the least likely up while the probability removed stays at most 1 − p,
/// and the best always stays. Of tokens that tie, the higher id goes first.
public struct TopPFilter: LogitFilter {
    /// 0 to 1.
    public let probability: Double

    /// Keeps as many of the best as are this probable together.
    public init(_ probability: Double) {
        precondition((0...1).contains(probability), "top-p of \(probability)")
        self.probability = probability
    }

    /// Removes the unlikely rest.
    public func apply(to candidates: inout Candidates) {
        let weights = candidates.weights()
        let removable = (1 - probability) * weights.reduce(0, +)
        // All tokens below an equal share of what may be removed go for certain; only the rest needs sorting, some
        // hundreds of a vocabulary of 128,256.
        let share = removable / Double(weights.count)
        var removed = 0.0
        var order: [Int] = []
        for (index, weight) in weights.enumerated() {
            if weight <= share { removed += weight } else { order.append(index) }
        }
        order.sort { weights[$0] < weights[$1] || (weights[$0] == weights[$1] && $0 > $1) }
        var isKept = weights.map { $0 > share }
        for index in order.dropLast() {
            removed += weights[index]
            if removed > removable { break }
            isKept[index] = false
        }
        // With p = 0 an equal share can be the best token's own weight.
        isKept[candidates.best] = true
        candidates.keep { isKept[$0] }
    }
}
