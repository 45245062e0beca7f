/// Keeps the k largest logits (Fan, Lewis, Dauphin, "Hierarchical Neural Story Generation", arXiv 1805.04833).
///
/// Tokens that tie with the k-th are kept as well, as Transformers does.
public struct TopKFilter: LogitFilter {
    /// At least 1.
    public let count: Int

    /// Keeps so many.
    public init(_ count: Int) {
        precondition(count >= 1, "top-k of \(count)")
        self.count = count
    }

    /// Removes all but the best, and what ties with the last of them.
    public func apply(to candidates: inout Candidates) {
        if candidates.count <= count { return }
        candidates.keepLogits(from: smallestKept(candidates.logits))
    }

    /// The k-th largest value, by way of a heap of k values with the smallest on top: O(n log k).
    private func smallestKept(_ logits: [Float]) -> Float {
        var heap = Array(logits[0..<count])
        for node in stride(from: count / 2 - 1, through: 0, by: -1) { siftDown(&heap, from: node) }
        for logit in logits[count...] where logit > heap[0] {
            heap[0] = logit
            siftDown(&heap, from: 0)
        }
        return heap[0]
    }

    private func siftDown(_ heap: inout [Float], from start: Int) {
        var node = start
        while true {
            var child = 2 * node + 1
            if child >= heap.count { return }
            if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
            if heap[node] <= heap[child] { return }
            heap.swapAt(node, child)
            node = child
        }
    }
}
