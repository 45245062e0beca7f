/// The definition of what is visible and what is stored, in O(n²) and without cleverness.
///
/// Tests and evaluation compare everything faster with this. It knows a whole sequence at once: for each key whether
/// it is evicted, `nil` meaning that nobody decided (which keeps it).
public struct RetentionOracle: Sendable, Hashable {
    /// Who sees whom.
    public let rule: RetentionRule
    /// One entry per token, in order of position.
    public let evicted: [Bool?]

    /// An oracle for tokens whose decisions are known; `nil` for one that nobody has decided about yet.
    public init(rule: RetentionRule, evicted: [Bool?]) {
        self.rule = rule
        self.evicted = evicted
    }

    /// Applies the decisions made by each token to the keys they are meant for.
    public init(rule: RetentionRule, assembly: DecisionAssembly, decisions: [Bool]) {
        self.init(rule: rule, evicted: assembly.evictions(madeBy: decisions))
    }

    /// Whether `query` sees `key`.
    ///
    /// - Precondition: `key` is a position of the sequence.
    public func isVisible(key: Int, query: Int) -> Bool {
        rule.isVisible(key: key, query: query, evicted: evicted[key] ?? false)
    }

    /// The keys that `query` sees, oldest first, in O(n).
    public func visibleKeys(query: Int) -> [Int] {
        evicted.indices.filter { isVisible(key: $0, query: query) }
    }

    /// The strict mask in O(n²): row per query, column per key, true where visible.
    public func mask() -> [[Bool]] {
        evicted.indices.map { query in evicted.indices.map { isVisible(key: $0, query: query) } }
    }

    /// The tokens that have to be stored once the token at `position` has arrived: all of the newest `window + 1`,
    /// evicted or not, and before those only what is kept.
    ///
    /// These are exactly the keys that `position` sees: nothing is stored that is not read, and the other way round.
    public func storedKeys(after position: Int) -> [Int] {
        visibleKeys(query: position)
    }

    /// How many tokens are stored after each step, in O(n²); ``RetentionRule/liveCounts(evicted:)`` is the fast twin.
    public func liveCounts() -> [Int] {
        evicted.indices.map { storedKeys(after: $0).count }
    }
}

extension RetentionRule {
    /// How many tokens are stored after each step of a sequence, by following what leaves the window, in O(n).
    ///
    /// - Parameter evicted: For each key whether it is evicted, `nil` while undecided.
    public func liveCounts(evicted: [Bool?]) -> [Int] {
        var live = 0
        return evicted.indices.map { query in
            live += 1
            if let leaving = positionLeaving(at: query), evicted[leaving] == true { live -= 1 }
            return live
        }
    }
}
