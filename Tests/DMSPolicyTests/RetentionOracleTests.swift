import DMSPolicy
import Testing

/// The layout that the cache uses, with integers for tokens: a ring of the newest `window + 1` positions, and an
/// append-only list of what left it and is kept.
private struct StreamingCache {
    let rule: RetentionRule
    let assembly: DecisionAssembly
    var ring: [Int] = []
    var retained: [Int] = []
    var isEvicted: [Int: Bool] = [:]

    /// The token at `position` arrives with its decision; afterwards everything stored is what it sees.
    mutating func append(position: Int, decision: Bool) {
        if let key = assembly.key(decidedBy: position) { isEvicted[key] = decision }
        if let leaving = rule.positionLeaving(at: position) {
            #expect(ring.removeFirst() == leaving)
            #expect(isEvicted[leaving] != nil, "a key left the window undecided")
            if isEvicted[leaving] == false { retained.append(leaving) }
        }
        ring.append(position)
    }
}

@Suite("Retention oracle")
struct RetentionOracleTests {
    static let windows = [0, 1, 2, 3, 5, 11, 12, 100]

    @Test(
        "Ring plus retained list equals the definition, for every decision pattern up to 12 tokens",
        arguments: windows, [0, 1])
    func streamingEqualsOracle(window: Int, shift: Int) throws {
        let rule = try RetentionRule(window: window)
        let assembly = try DecisionAssembly(shift: shift)
        var mismatches = 0
        // A shorter sequence is a prefix of a longer one, so all steps of all patterns of 12 cover every length.
        for pattern in 0..<(1 << 12) {
            let decisions = (0..<12).map { pattern >> $0 & 1 == 1 }
            let oracle = RetentionOracle(rule: rule, assembly: assembly, decisions: decisions)
            let mask = oracle.mask()
            let live = oracle.liveCounts()
            var cache = StreamingCache(rule: rule, assembly: assembly)
            for position in 0..<12 {
                cache.append(position: position, decision: decisions[position])
                let stored = cache.retained + cache.ring
                if stored != oracle.visibleKeys(query: position) { mismatches += 1 }
                if stored != (0..<12).filter({ mask[position][$0] }) { mismatches += 1 }
                if stored.count != live[position] { mismatches += 1 }
            }
            if rule.liveCounts(evicted: oracle.evicted) != live { mismatches += 1 }
        }
        #expect(mismatches == 0)
    }

    @Test("A prefix of a sequence sees what the whole sequence sees", arguments: windows, [0, 1])
    func prefixes(window: Int, shift: Int) throws {
        let rule = try RetentionRule(window: window)
        let assembly = try DecisionAssembly(shift: shift)
        for pattern in 0..<(1 << 9) {
            let decisions = (0..<9).map { pattern >> $0 & 1 == 1 }
            let whole = RetentionOracle(rule: rule, assembly: assembly, decisions: decisions)
            for length in 1...9 {
                let prefix = RetentionOracle(
                    rule: rule, assembly: assembly, decisions: Array(decisions.prefix(length)))
                for query in 0..<length where prefix.visibleKeys(query: query) != whole.visibleKeys(query: query) {
                    Issue.record("pattern \(pattern), length \(length), query \(query)")
                }
            }
        }
    }

    @Test("Worked by hand: window 1, keys 0 and 2 evicted, key 3 undecided")
    func workedExample() throws {
        let oracle = RetentionOracle(rule: try RetentionRule(window: 1), evicted: [true, false, true, nil, false])
        #expect(oracle.visibleKeys(query: 0) == [0])
        #expect(oracle.visibleKeys(query: 1) == [0, 1])
        #expect(oracle.visibleKeys(query: 2) == [1, 2])
        #expect(oracle.visibleKeys(query: 3) == [1, 2, 3])
        #expect(oracle.visibleKeys(query: 4) == [1, 3, 4])
        #expect(oracle.liveCounts() == [1, 2, 2, 3, 3])
    }

    @Test("A window of at least the sequence's length evicts nothing")
    func wideWindow() throws {
        for window in [7, 8, 1000] {
            let oracle = RetentionOracle(
                rule: try RetentionRule(window: window), evicted: Array(repeating: true, count: 8))
            #expect(oracle.liveCounts() == Array(1...8))
        }
    }
}

@Suite("Decision assembly")
struct DecisionAssemblyTests {
    @Test("Without a shift every token decides for itself")
    func unshifted() throws {
        let assembly = try DecisionAssembly(shift: 0)
        #expect(assembly.key(decidedBy: 0) == 0)
        #expect(assembly.decider(of: 4) == 4)
        #expect(assembly.keys(decidedBy: 3..<7) == 3..<7)
        #expect(assembly.undecided(of: 5).isEmpty)
        #expect(assembly.evictions(madeBy: [true, false, true]) == [true, false, true])
    }

    @Test("With a shift the next token decides, the first decides nothing, the last is undecided")
    func shifted() throws {
        let assembly = try DecisionAssembly(shift: 1)
        #expect(assembly.key(decidedBy: 0) == nil)
        #expect(assembly.key(decidedBy: 5) == 4)
        #expect(assembly.decider(of: 4) == 5)
        #expect(assembly.keys(decidedBy: 0..<1).isEmpty)
        #expect(assembly.keys(decidedBy: 0..<3) == 0..<2)
        #expect(assembly.keys(decidedBy: 3..<7) == 2..<6)
        #expect(assembly.undecided(of: 5) == 4..<5)
        #expect(assembly.undecided(of: 0).isEmpty)
        #expect(assembly.evictions(madeBy: [true, false, true]) == [false, true, nil])
        #expect(assembly.evictions(madeBy: []) == [])
    }

    @Test("Other shifts are refused", arguments: [-1, 2, .max])
    func refused(shift: Int) {
        let error = #expect(throws: PolicyError.self) { try DecisionAssembly(shift: shift) }
        #expect(error?.field == "decision_shift")
    }
}
