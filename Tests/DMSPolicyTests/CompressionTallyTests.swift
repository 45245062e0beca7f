import DMSPolicy
import Testing

@Suite("Compression ratios")
struct CompressionTallyTests {
    @Test("Nothing counted gives no ratios")
    func empty() {
        let tally = CompressionTally()
        #expect(tally.ratios() == CompressionRatios())
        #expect(tally.ratios(denseBytes: 10, allocatedBytes: 0).byteRatio == nil)
        #expect(tally.evictionRate == nil)
    }

    @Test("Evicting everything has no decision ratio")
    func everythingEvicted() {
        var tally = CompressionTally()
        tally.recordDecisions(evicting: 7, of: 7)
        #expect(tally.ratios().decisionRatio == nil)
        #expect(tally.evictionRate == 1)
    }

    @Test("The three ratios are different numbers: the published card's case")
    func publishedCard() throws {
        // 512 tokens, window 256, every head evicting 57.67 %: a decision ratio of 2.36 and a live ratio of about 1.40.
        let rule = try RetentionRule(window: 256)
        let assembly = try DecisionAssembly(shift: 0)
        var tally = CompressionTally()
        for head in 0..<64 {
            let gate = try RandomGate(rate: 0.5767, seed: 11)
            let decisions = (0..<512).map { gate.evicts(layer: 0, head: head, position: $0) }
            tally.recordHead(rule: rule, assembly: assembly, decisions: decisions)
        }
        let ratios = tally.ratios(denseBytes: 3000, allocatedBytes: 2000)
        #expect(abs(try #require(ratios.decisionRatio) - 2.36) < 0.05)
        #expect(abs(try #require(ratios.finalLiveRatio) - 1.40) < 0.02)
        #expect(try #require(ratios.meanLiveRatio) < 1.2)
        #expect(ratios.byteRatio == 1.5)
    }

    @Test("Worked by hand")
    func workedExample() {
        var tally = CompressionTally()
        tally.recordDecisions(evicting: 3, of: 4)
        tally.recordStep(seen: 2, stored: 2)
        tally.recordStep(seen: 4, stored: 3)
        tally.recordStep(seen: 6, stored: 2)
        #expect(tally.ratios().finalLiveRatio == 3)
        tally.finishRun()
        tally.finishRun()
        tally.recordStep(seen: 2, stored: 1)
        let ratios = tally.ratios()
        #expect(ratios.decisionRatio == 4)
        #expect(ratios.meanLiveRatio == 14.0 / 8.0)
        #expect(ratios.finalLiveRatio == 8.0 / 3.0)
        #expect(ratios.peakLiveRatio == 2)
        #expect(ratios.byteRatio == nil)
    }

    @Test("Merging two tallies is counting one run after the other")
    func merging() {
        func record(_ steps: [(Int, Int)], into tally: inout CompressionTally) {
            tally.recordDecisions(evicting: 1, of: 3)
            for (seen, stored) in steps { tally.recordStep(seen: seen, stored: stored) }
        }
        var together = CompressionTally()
        record([(1, 1), (2, 1)], into: &together)
        together.finishRun()
        record([(5, 4), (9, 3)], into: &together)
        together.finishRun()
        var first = CompressionTally()
        record([(1, 1), (2, 1)], into: &first)
        var second = CompressionTally()
        record([(5, 4), (9, 3)], into: &second)
        first.merge(second)
        #expect(first == together)
    }

    @Test("A head counted at once equals its steps from the oracle", arguments: [0, 1])
    func headEqualsSteps(shift: Int) throws {
        let rule = try RetentionRule(window: 3)
        let assembly = try DecisionAssembly(shift: shift)
        let gate = try RandomGate(rate: 0.5, seed: 3)
        let decisions = (0..<40).map { gate.evicts(layer: 1, head: 2, position: $0) }
        var atOnce = CompressionTally()
        atOnce.recordHead(rule: rule, assembly: assembly, decisions: decisions)
        var stepwise = CompressionTally()
        stepwise.recordDecisions(evicting: decisions.count { $0 }, of: 40)
        let oracle = RetentionOracle(rule: rule, assembly: assembly, decisions: decisions)
        for (step, live) in oracle.liveCounts().enumerated() { stepwise.recordStep(seen: step + 1, stored: live) }
        stepwise.finishRun()
        #expect(atOnce == stepwise)
    }
}
