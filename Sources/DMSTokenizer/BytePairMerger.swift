/// Byte-pair encoding of one piece of text: repeatedly merges the neighbours of the lowest rank, leftmost first
/// (Sennrich et al., arXiv 1508.07909).
///
/// Short pieces are scanned; long ones use a heap over a linked list, O(n log n), so that a megabyte without a word
/// boundary does not take hours.
struct BytePairMerger {
    private static let scanLimit = 32

    let merges: MergeTable
    /// The token of each byte.
    let byteTokens: [Int32]

    /// Appends the tokens of a piece.
    func encode(_ piece: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) {
        if piece.count <= Self.scanLimit { scan(piece, &ids) } else { merge(piece, &ids) }
    }

    private func scan(_ piece: UnsafeBufferPointer<UInt8>, _ ids: inout [Int32]) {
        let start = ids.count
        for byte in piece { ids.append(byteTokens[Int(byte)]) }
        while ids.count - start > 1 {
            var best = (rank: Int32.max, index: -1, result: Int32(0))
            for index in start..<ids.count - 1 {
                if let merge = merges[ids[index], ids[index + 1]], merge.rank < best.rank {
                    best = (merge.rank, index, merge.result)
                }
            }
            if best.index < 0 { return }
            ids[best.index] = best.result
            ids.remove(at: best.index + 1)
        }
    }

    private struct Node {
        var id: Int32
        var previous: Int32
        var next: Int32
    }

    /// A merge that was possible when it was queued; it is stale when one of its tokens has changed since.
    private struct Candidate: Comparable {
        var rank: Int32
        var position: Int32
        var left: Int32
        var right: Int32
        var result: Int32

        static func < (a: Candidate, b: Candidate) -> Bool { (a.rank, a.position) < (b.rank, b.position) }
    }

    private func merge(_ piece: UnsafeBufferPointer<UInt8>, _ ids: inout [Int32]) {
        var nodes: [Node] = []
        nodes.reserveCapacity(piece.count)
        for (index, byte) in piece.enumerated() {
            nodes.append(Node(id: byteTokens[Int(byte)], previous: Int32(index - 1), next: Int32(index + 1)))
        }
        nodes[nodes.count - 1].next = -1
        var heap = MinimumHeap<Candidate>()
        func queue(_ position: Int32) {
            let node = nodes[Int(position)]
            guard node.next >= 0 else { return }
            let right = nodes[Int(node.next)].id
            guard let merge = merges[node.id, right] else { return }
            heap.insert(
                Candidate(rank: merge.rank, position: position, left: node.id, right: right, result: merge.result))
        }
        for position in nodes.indices { queue(Int32(position)) }
        while let candidate = heap.removeMinimum() {
            let position = Int(candidate.position)
            let node = nodes[position]
            guard node.id == candidate.left, node.next >= 0, nodes[Int(node.next)].id == candidate.right else {
                continue
            }
            let removed = Int(node.next)
            let after = nodes[removed].next
            nodes[position].id = candidate.result
            nodes[position].next = after
            nodes[removed].id = -1
            if after >= 0 { nodes[Int(after)].previous = candidate.position }
            if node.previous >= 0 { queue(node.previous) }
            queue(candidate.position)
        }
        var position: Int32 = 0
        while position >= 0 {
            ids.append(nodes[Int(position)].id)
            position = nodes[Int(position)].next
        }
    }
}

/// A binary heap: O(log n) insertion and removal of the least element.
struct MinimumHeap<Element: Comparable> {
    private var elements: [Element] = []

    mutating func insert(_ element: Element) {
        elements.append(element)
        var child = elements.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            if !(elements[child] < elements[parent]) { return }
            elements.swapAt(child, parent)
            child = parent
        }
    }

    mutating func removeMinimum() -> Element? {
        guard let minimum = elements.first else { return nil }
        let last = elements.removeLast()
        if elements.isEmpty { return minimum }
        elements[0] = last
        var parent = 0
        while true {
            var least = parent
            let left = 2 * parent + 1
            if left < elements.count, elements[left] < elements[least] { least = left }
            if left + 1 < elements.count, elements[left + 1] < elements[least] { least = left + 1 }
            if least == parent { return minimum }
            elements.swapAt(parent, least)
            parent = least
        }
    }
}
