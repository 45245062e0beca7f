import DMSModel
import DMSPolicy
import DMSTensor

/// Keeps the decisions of one sequence, `[layer][head][token]`, and hands everything on.
final class DecisionRecorder: ActivationObserver {
    private let headCount: Int
    private let next: (any ActivationObserver)?
    private(set) var decisions: [[[Bool]]]

    init(layerCount: Int, headCount: Int, next: (any ActivationObserver)?) {
        self.headCount = headCount
        self.next = next
        decisions = Array(repeating: Array(repeating: [], count: headCount), count: layerCount)
    }

    func startSequence() {
        for layer in decisions.indices {
            for head in 0..<headCount { decisions[layer][head].removeAll(keepingCapacity: true) }
        }
    }

    func observe(_ point: ActivationPoint, _ values: MatrixView) { next?.observe(point, values) }

    func observe(decisions: EvictionDecisions, layer: Int, batch: ForwardBatch) {
        for row in 0..<decisions.rows {
            for head in 0..<headCount { self.decisions[layer][head].append(decisions.evicts(row: row, head: head)) }
        }
        next?.observe(decisions: decisions, layer: layer, batch: batch)
    }

    /// Decisions made so far, and those among them that evict.
    var counts: (made: Int, evicting: Int) {
        var made = 0
        var evicting = 0
        for head in decisions.joined() {
            made += head.count
            evicting += head.count { $0 }
        }
        return (made, evicting)
    }

    /// Heads, over all layers, in which the rule still stores each token after `tokenCount` tokens.
    func keptCounts(
        tokenCount: Int, retention: (rule: RetentionRule, assembly: DecisionAssembly)?
    ) -> [Int] {
        var total = [Int](repeating: 0, count: tokenCount)
        for head in decisions.joined() {
            let evicted = evictions(head, tokenCount: tokenCount, retention)
            for token in 0..<tokenCount
            where retention?.rule.isVisible(key: token, query: tokenCount - 1, evicted: evicted[token] ?? false) ?? true
            {
                total[token] += 1
            }
        }
        return total
    }

    /// Token·heads that the rule stores after each of `tokenCount` tokens, over all layers and heads.
    ///
    /// A head without decisions keeps everything.
    func liveCounts(
        tokenCount: Int, retention: (rule: RetentionRule, assembly: DecisionAssembly)?
    ) -> [Int] {
        var total = [Int](repeating: 0, count: tokenCount)
        for head in decisions.joined() {
            let evicted = evictions(head, tokenCount: tokenCount, retention)
            let live = retention?.rule.liveCounts(evicted: evicted) ?? Array(1...tokenCount)
            for token in 0..<tokenCount { total[token] += live[token] }
        }
        return total
    }

    /// What became of each token of a head; of a token that nobody has decided about, nothing.
    private func evictions(
        _ head: [Bool], tokenCount: Int, _ retention: (rule: RetentionRule, assembly: DecisionAssembly)?
    ) -> [Bool?] {
        if let retention, head.count == tokenCount { return retention.assembly.evictions(madeBy: head) }
        precondition(head.isEmpty, "\(head.count) decisions for \(tokenCount) tokens")
        return Array(repeating: nil, count: tokenCount)
    }
}
