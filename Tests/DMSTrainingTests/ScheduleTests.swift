import Testing

@testable import DMSTraining

@Suite("The schedule of a run")
struct ScheduleTests {
    private func card() throws -> TrainingSchedule {
        try TrainingSchedule(
            zeroingSteps: 2000, stepsPerRatio: 100, holdSteps: 0, targetRatio: 8,
            learningRate: try LearningRate(peak: 3e-5), firstTemperature: 1, lastTemperature: 0.1)
    }

    @Test("The published recipe: 2,000 steps of zeroing and 700 of gating")
    func published() throws {
        let schedule = try card()
        #expect(schedule.totalSteps == 2700)
        #expect(schedule.stage(0).phase == .zeroing && schedule.stage(1999).phase == .zeroing)
        #expect(schedule.stage(2000).phase == .gating)
        // Faded against the original value, so half-way is half of it.
        #expect(schedule.stage(999).fade == 0.5)
        #expect(schedule.stage(1999).fade == 0)
        #expect(schedule.stage(2099).ratio == 2 && schedule.stage(2699).ratio == 8)
        #expect(schedule.stage(2699).targetRate == 0.875)
        #expect(schedule.stage(2000).temperature == 1)
        #expect(abs(schedule.stage(2699).temperature - 0.1) < 1e-12)
    }

    @Test("Whole ratios are reached once each, the target not among them")
    func wholeRatios() throws {
        let schedule = try card()
        let reached = (0...2700).compactMap { schedule.wholeRatio(reachedAfter: $0) }
        #expect(reached == [2, 3, 4, 5, 6, 7])
        #expect(schedule.wholeRatio(reachedAfter: 2100) == 2)
    }

    @Test("Holding at the target")
    func hold() throws {
        let schedule = try TrainingSchedule(
            zeroingSteps: 0, stepsPerRatio: 10, holdSteps: 5, targetRatio: 2.5,
            learningRate: try LearningRate(peak: 1), firstTemperature: 1, lastTemperature: 1)
        #expect(schedule.totalSteps == 20)
        #expect(schedule.stage(14).ratio == 2.5 && schedule.stage(19).ratio == 2.5)
        #expect(schedule.stage(13).ratio == 2.4)
        #expect((0...20).compactMap { schedule.wholeRatio(reachedAfter: $0) } == [2])
    }

    @Test("Warm-up and cosine")
    func learningRate() throws {
        let rate = try LearningRate(peak: 2, shape: .cosine, warmupSteps: 4)
        #expect((0..<4).map { rate.value(step: $0, of: 104) } == [0.5, 1, 1.5, 2])
        #expect(rate.value(step: 4, of: 104) == 2)
        #expect(abs(rate.value(step: 54, of: 104) - 1.1) < 1e-12)
        #expect(rate.value(step: 103, of: 104) < 0.202)
    }

    @Test("What cannot be is refused by name")
    func refusals() throws {
        let rate = try LearningRate(peak: 1)
        func make(_ ratio: Double, _ steps: Int, _ tau: Double) throws {
            _ = try TrainingSchedule(
                zeroingSteps: 0, stepsPerRatio: steps, holdSteps: 0, targetRatio: ratio, learningRate: rate,
                firstTemperature: tau, lastTemperature: 1)
        }
        for (ratio, steps, tau) in [(1, 1, 1), (.nan, 1, 1), (8, 0, 1), (8, 1, 0), (8, 1, .nan)] {
            #expect(throws: TrainingError.self) { try make(ratio, steps, tau) }
        }
        for peak in [0, -1, Double.nan, .infinity] {
            #expect(throws: TrainingError.self) { try LearningRate(peak: peak) }
        }
        #expect(throws: TrainingError.self) { try CompressionPenalty(loss: .relu, weight: .nan, headCap: nil) }
        #expect(throws: TrainingError.self) { try CompressionPenalty(loss: .relu, weight: 1, headCap: 1) }
    }
}

@Suite("The compression penalty")
struct CompressionPenaltyTests {
    private func statistics() -> GateStatistics {
        var statistics = GateStatistics(layers: 2, heads: 2)
        statistics.decisionsPerHead = 10
        statistics.alphaSums = [9, 1, 5, 5]
        return statistics
    }

    @Test("relu pushes only from below, l2 from both sides")
    func losses() throws {
        let relu = try CompressionPenalty(loss: .relu, weight: 2, headCap: nil)
        #expect(abs(relu.apply(statistics(), target: 0.75).value - 0.5) < 1e-12)
        #expect(relu.apply(statistics(), target: 0.75).alphaGradient == [[-0.05, -0.05], [-0.05, -0.05]])
        #expect(relu.apply(statistics(), target: 0.25).value == 0)
        #expect(relu.apply(statistics(), target: 0.25).alphaGradient == [[0, 0], [0, 0]])
        let l2 = try CompressionPenalty(loss: .l2, weight: 2, headCap: nil)
        #expect(abs(l2.apply(statistics(), target: 0.25).value - 0.125) < 1e-12)
        #expect(l2.apply(statistics(), target: 0.25).alphaGradient[0][0] > 0)
    }

    @Test("A cap pushes the heads that keep too much, and no others")
    func cap() throws {
        let capped = try CompressionPenalty(loss: .relu, weight: 1, headCap: 0.6)
        let (value, gradient) = capped.apply(statistics(), target: 0.45)
        // Only head (0, 1) keeps more than 0.6: it falls short of a rate of 0.4 by 0.3, over four heads.
        #expect(abs(value - 0.075) < 1e-12)
        #expect(gradient == [[0, -0.025], [0, 0]])
    }
}
