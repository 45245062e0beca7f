/// Which prefixes of prompts are stored, by their tokens: a tree of blocks, a value without cache or memory.
///
/// Each node is a block of tokens behind those of its parents. Blocks are found by hash and compared token by token, so
/// different tokens are never taken for each other; and each salt has a tree of its own, so that nobody learns from a
/// hit what others asked. A node may have an entry: a sequence that holds exactly the tokens up to there. Nodes that
/// lead to no entry do not stay.
struct PrefixIndex: Sendable {
    /// A stored prefix.
    struct Entry: Sendable, Hashable {
        /// Its number in the cache.
        let sequence: Int
        /// Its tokens, whole blocks.
        let count: Int
        /// When it was stored or used last; larger is later.
        fileprivate(set) var lastUse: Int
    }

    /// What the index knows of a prompt.
    struct Match: Sendable, Hashable {
        /// Leading tokens that also begin a stored prefix, in whole blocks.
        var known = 0
        /// The stored prefixes of the prompt, shortest first.
        var entries: [Entry] = []
    }

    private struct Node: Sendable {
        let parent: Int?
        let salt: String?
        let block: [Int32]
        var children: [[Int32]: Int] = [:]
        var entry: Entry?
    }

    let blockTokens: Int
    private var nodes: [Int: Node] = [:]
    private var roots: [String?: Int] = [:]
    /// Nodes with entries, by the entries' sequences.
    private var places: [Int: Int] = [:]
    private var nextNode = 0
    private var clock = 0

    init(blockTokens: Int) {
        precondition(blockTokens >= 1, "blocks without tokens")
        self.blockTokens = blockTokens
    }

    /// Stored prefixes.
    var count: Int { places.count }
    var isEmpty: Bool { places.isEmpty }
    /// Their sequences.
    var sequences: Set<Int> { Set(places.keys) }
    /// Blocks of tokens that the index holds.
    var nodeCount: Int { nodes.count - roots.count }

    /// Looks a prompt up.
    ///
    /// O(its tokens).
    func match(_ prompt: [Int32], salt: String?) -> Match {
        var match = Match()
        guard var node = roots[salt] else { return match }
        while let next = child(of: node, prompt, from: match.known) {
            node = next
            match.known += blockTokens
            if let entry = nodes[node]?.entry { match.entries.append(entry) }
        }
        return match
    }

    private func child(of node: Int, _ prompt: [Int32], from start: Int) -> Int? {
        guard start + blockTokens <= prompt.count else { return nil }
        return nodes[node]?.children[Array(prompt[start..<start + blockTokens])]
    }

    /// Notes that the first `count` tokens of a prompt are stored.
    ///
    /// - Precondition: They are whole blocks, at least one, and have no entry yet.
    mutating func insert(_ prompt: [Int32], count: Int, salt: String?, sequence: Int) {
        precondition(count > 0 && count % blockTokens == 0 && count <= prompt.count, "a prefix of \(count) tokens")
        var node = roots[salt] ?? add(Node(parent: nil, salt: salt, block: []))
        roots[salt] = node
        for start in stride(from: 0, to: count, by: blockTokens) {
            if let next = child(of: node, prompt, from: start) {
                node = next
            } else {
                let block = Array(prompt[start..<start + blockTokens])
                let next = add(Node(parent: node, salt: salt, block: block))
                nodes[node]?.children[block] = next
                node = next
            }
        }
        precondition(nodes[node]?.entry == nil, "a prefix stored twice")
        clock += 1
        nodes[node]?.entry = Entry(sequence: sequence, count: count, lastUse: clock)
        places[sequence] = node
    }

    private mutating func add(_ node: Node) -> Int {
        defer { nextNode += 1 }
        nodes[nextNode] = node
        return nextNode
    }

    /// Notes a use of entries: of one, and of those that it extends.
    mutating func touch(_ entries: some Sequence<Entry>) {
        clock += 1
        for entry in entries {
            guard let node = places[entry.sequence] else { continue }
            nodes[node]?.entry?.lastUse = clock
        }
    }

    /// The entry to be given up first: the one that was not used for the longest time; of those that were used at the
    /// same time the longest, because more prompts share the shorter ones.
    func leastRecent(but kept: Set<Int> = []) -> Entry? {
        places.values.compactMap { nodes[$0]?.entry }.filter { !kept.contains($0.sequence) }
            .min { ($0.lastUse, -$0.count) < ($1.lastUse, -$1.count) }
    }

    /// Forgets an entry, and the blocks that lead to no other.
    mutating func remove(sequence: Int) {
        guard var index = places.removeValue(forKey: sequence) else { return }
        nodes[index]?.entry = nil
        while let node = nodes[index], node.entry == nil, node.children.isEmpty {
            nodes[index] = nil
            guard let parent = node.parent else {
                roots[node.salt] = nil
                return
            }
            nodes[parent]?.children[node.block] = nil
            index = parent
        }
    }
}
