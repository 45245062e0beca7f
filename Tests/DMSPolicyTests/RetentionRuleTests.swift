import DMSPolicy
import Testing

@Suite("Retention rule")
struct RetentionRuleTests {
    @Test("The edge: distances window − 1 and window are seen, window + 1 is not", arguments: [0, 1, 2, 3, 64, 256])
    func edge(window: Int) throws {
        let rule = try RetentionRule(window: window)
        let key = 1000
        if window > 0 { #expect(rule.isVisible(key: key, query: key + window - 1, evicted: true)) }
        #expect(rule.isVisible(key: key, query: key + window, evicted: true))
        #expect(!rule.isVisible(key: key, query: key + window + 1, evicted: true))
        #expect(rule.isVisible(key: key, query: key + window + 1, evicted: false))
        #expect(!rule.isVisible(key: key, query: key - 1, evicted: true))
        #expect(!rule.isVisible(key: key, query: key - 1, evicted: false))
    }

    @Test("lastQuery is the rule as a number", arguments: [0, 1, 2, 3, 5, 11, 12, 100, Int(Int32.max)])
    func lastQuery(window: Int) throws {
        let rule = try RetentionRule(window: window)
        for key in 0..<24 {
            for query in 0..<160 {
                for evicted in [false, true] {
                    let seen = key <= query && query <= Int(rule.lastQuery(seeing: key, evicted: evicted))
                    #expect(seen == rule.isVisible(key: key, query: query, evicted: evicted))
                }
            }
        }
    }

    @Test("lastQuery saturates")
    func lastQuerySaturates() throws {
        let rule = try RetentionRule(window: 5)
        #expect(rule.lastQuery(seeing: 0, evicted: false) == .max)
        #expect(rule.lastQuery(seeing: Int(Int32.max) - 6, evicted: true) == Int32.max - 1)
        #expect(rule.lastQuery(seeing: Int(Int32.max) - 5, evicted: true) == .max)
        #expect(rule.lastQuery(seeing: Int(Int32.max), evicted: true) == .max)
        #expect(rule.lastQuery(seeing: Int.max, evicted: true) == .max)
    }

    @Test("Exactly one position leaves per step, once the window is full")
    func leaving() throws {
        let rule = try RetentionRule(window: 3)
        #expect((0..<7).map { rule.positionLeaving(at: $0) } == [nil, nil, nil, nil, 0, 1, 2])
        #expect(rule.newest(of: 2) == 0..<2)
        #expect(rule.newest(of: 4) == 0..<4)
        #expect(rule.newest(of: 7) == 3..<7)
        #expect(rule.newest(of: 0).isEmpty)
        let widest = try RetentionRule(window: RetentionRule.largestWindow)
        #expect(widest.positionLeaving(at: 1_000_000) == nil)
        #expect(widest.newest(of: 10) == 0..<10)
    }

    @Test("Windows that do not fit are refused by name", arguments: [-1, Int(Int32.max) + 1, .max, .min])
    func refusedWindows(window: Int) {
        let error = #expect(throws: PolicyError.self) { try RetentionRule(window: window) }
        #expect(error?.field == "window_size")
        #expect(error?.found == "\(window)")
    }
}
