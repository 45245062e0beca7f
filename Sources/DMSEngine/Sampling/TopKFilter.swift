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
        let limit = candidates.withScratch(count) { smallestKept($0.logits, heap: $1) }
        candidates.keepLogits(from: limit)
    }

    /// The k-th largest value, by way of a heap of k values with the smallest on top: O(n log k).
    private func smallestKept(_ logits: [Float], heap: UnsafeMutableBufferPointer<Double>) -> Float {
        for node in 0..<count { heap[node] = Double(logits[node]) }
        for node in stride(from: count / 2 - 1, through: 0, by: -1) { siftDown(heap, from: node) }
        var smallest = Float(heap[0])
        for logit in logits[count...] where logit > smallest {
            heap[0] = Double(logit)
            siftDown(heap, from: 0)
            smallest = Float(heap[0])
        }
        return smallest
    }

    private func siftDown(_ heap: UnsafeMutableBufferPointer<Double>, from start: Int) {
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
