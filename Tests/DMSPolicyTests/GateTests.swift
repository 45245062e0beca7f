import DMSPolicy
import Testing

@Suite("Control gates")
struct GateTests {
    @Test("The random gate has its rate in every head", arguments: [0.1, 0.5, 0.875])
    func rate(rate: Double) throws {
        let gate = try RandomGate(rate: rate, seed: 1)
        for layer in 0..<4 {
            for head in 0..<4 {
                let evicted = (0..<4096).count { gate.evicts(layer: layer, head: head, position: $0) }
                // Five standard deviations of a binomial of 4096 are below 0.04.
                #expect(abs(Double(evicted) / 4096 - rate) < 0.04)
            }
        }
    }

    @Test("Rates 0 and 1 are exact")
    func exactRates() throws {
        let never = try RandomGate(rate: 0, seed: 9)
        let always = try RandomGate(rate: 1, seed: 9)
        #expect(!(0..<1000).contains { never.evicts(layer: 0, head: 0, position: $0) })
        #expect((0..<1000).allSatisfy { always.evicts(layer: 0, head: 0, position: $0) })
    }

    @Test("Seed, layer, head and position all matter, and swapping them is not the same")
    func independence() throws {
        let gate = try RandomGate(rate: 0.5, seed: 1)
        let other = try RandomGate(rate: 0.5, seed: 2)
        func agreement(_ left: (Int) -> Bool, _ right: (Int) -> Bool) -> Double {
            Double((0..<4096).count { left($0) == right($0) }) / 4096
        }
        let reference = { gate.evicts(layer: 1, head: 2, position: $0) }
        let others: [(Int) -> Bool] = [
            { other.evicts(layer: 1, head: 2, position: $0) },
            { gate.evicts(layer: 2, head: 1, position: $0) },
            { gate.evicts(layer: 1, head: 3, position: $0) },
            { gate.evicts(layer: 1, head: 2, position: $0 + 1) },
        ]
        for candidate in others { #expect(abs(agreement(reference, candidate) - 0.5) < 0.05) }
        #expect(agreement(reference, { gate.evicts(layer: 1, head: 2, position: $0) }) == 1)
    }

    @Test("The hash is pinned, so that published runs can be repeated")
    func pinned() throws {
        let gate = try RandomGate(rate: 0.5, seed: 42)
        let bits = (0..<16).map { gate.evicts(layer: 3, head: 1, position: $0) ? "1" : "0" }.joined()
        #expect(bits == "0001100011010111")
    }

    @Test("Rates that are none are refused", arguments: [-0.1, 1.1, .nan, .infinity])
    func refusedRates(rate: Double) {
        #expect(throws: PolicyError.self) { try RandomGate(rate: rate, seed: 0) }
    }

    @Test("Sinks and a window hold exactly the live tokens asked for")
    func sinkWindow() throws {
        let gate = try SinkWindowGate(sinks: 4, liveTokens: 10)
        #expect(gate.rule.window == 5)
        let oracle = RetentionOracle(rule: gate.rule, evicted: (0..<30).map { gate.evicts(position: $0) })
        #expect(oracle.liveCounts() == (1...30).map { min($0, 10) })
        #expect(oracle.visibleKeys(query: 29) == [0, 1, 2, 3] + Array(24...29))
        let none = try SinkWindowGate(sinks: 0, liveTokens: 1)
        #expect(none.rule.window == 0)
        #expect(none.evicts(position: 0))
        #expect(throws: PolicyError.self) { try SinkWindowGate(sinks: 4, liveTokens: 4) }
        #expect(throws: PolicyError.self) { try SinkWindowGate(sinks: -1, liveTokens: 4) }
    }
}
