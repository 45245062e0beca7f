import Foundation
import Testing

@testable import DMSEngine

/// Expected values were computed with the logits processors of Transformers 5.23, in the order of its `generate`.
private let row: [Float] = [
    -2.0625, 1.0, 2.25, -3.5, -0.4375, -1.125, -1.625, -2.25, 2.3125, -1.3125, -2.875, -1.125, 1.75, 2.5625, 0.5625,
    2.75,
]
private let history: [Int32] = [3, 7, 7, 1]

private struct Golden: Sendable, CustomTestStringConvertible {
    var penalty: Float?
    var temperature: Float?
    var topK: Int?
    var topP: Double?
    var minP: Double?
    var kept: [Int32]
    var probabilities: [Double]

    var testDescription: String {
        "penalty \(penalty ?? 1), temperature \(temperature ?? 1), top-k \(topK ?? 0), top-p \(topP ?? 1), "
            + "min-p \(minP ?? 0)"
    }

    func filtered() -> Candidates {
        var candidates = Candidates(row)
        if let penalty {
            var filter = RepetitionPenaltyFilter(penalty)
            filter.observe(history)
            filter.apply(to: &candidates)
        }
        if let temperature { TemperatureFilter(temperature).apply(to: &candidates) }
        if let topK { TopKFilter(topK).apply(to: &candidates) }
        if let topP { TopPFilter(topP).apply(to: &candidates) }
        if let minP { MinPFilter(minP).apply(to: &candidates) }
        return candidates
    }
}

private let goldens: [Golden] = [
    Golden(
        temperature: 0.7, kept: Array(0..<16),
        probabilities: [
            0.000325, 0.025804, 0.153889, 4.2e-05, 0.00331, 0.00124, 0.000607, 0.000248, 0.168261, 0.000948, 0.000102,
            0.00124, 0.075335, 0.240485, 0.013812, 0.314353,
        ]),
    Golden(topK: 4, kept: [2, 8, 13, 15], probabilities: [0.196848, 0.209544, 0.26906, 0.324548]),
    Golden(topK: 1, kept: [15], probabilities: [1]),
    Golden(
        topP: 0.9, kept: [1, 2, 8, 12, 13, 15],
        probabilities: [0.047966, 0.167418, 0.178215, 0.101544, 0.228833, 0.276025]),
    Golden(topP: 0.5, kept: [8, 13, 15], probabilities: [0.260902, 0.335005, 0.404093]),
    Golden(topP: 0, kept: [15], probabilities: [1]),
    Golden(
        minP: 0.1, kept: [1, 2, 8, 12, 13, 14, 15],
        probabilities: [0.046525, 0.162389, 0.172862, 0.098494, 0.221959, 0.030039, 0.267733]),
    Golden(minP: 1, kept: [15], probabilities: [1]),
    Golden(
        penalty: 1.3, kept: Array(0..<16),
        probabilities: [
            0.002123, 0.036044, 0.15846, 0.000176, 0.010783, 0.005422, 0.003289, 0.000896, 0.168679, 0.004495,
            0.000942, 0.005422, 0.096111, 0.216589, 0.029312, 0.261256,
        ]),
    Golden(
        penalty: 1.3, temperature: 0.7, topK: 8, topP: 0.9, minP: 0.05, kept: [2, 8, 12, 13, 15],
        probabilities: [0.161593, 0.176685, 0.079107, 0.252525, 0.330091]),
    Golden(
        temperature: 2, topP: 0.8, minP: 0.2, kept: [1, 2, 8, 12, 13, 14, 15],
        probabilities: [0.08593, 0.160538, 0.165634, 0.125027, 0.187688, 0.069047, 0.206135]),
    Golden(
        penalty: 0.8, topK: 5, kept: [2, 8, 12, 13, 15],
        probabilities: [0.175852, 0.187194, 0.10666, 0.240362, 0.289932]),
]

@Suite("Logit filters")
struct LogitFilterTests {
    @Test("Transformers keeps the same tokens with the same probabilities", arguments: goldens)
    private func matchesTransformers(golden: Golden) {
        var candidates = golden.filtered()
        #expect(candidates.ids == golden.kept)
        candidates.weigh()
        for (weight, expected) in zip(candidates.weights, golden.probabilities) {
            #expect(abs(Double(weight) / candidates.totalWeight - expected) < 2e-6)
        }
    }

    @Test("ties: top-k keeps all that tie with the last, top-p the lowest ids")
    func ties() {
        var candidates = Candidates([1, 3, 1, 3, 1])
        TopKFilter(3).apply(to: &candidates)
        #expect(candidates.ids == [0, 1, 2, 3, 4])
        candidates = Candidates([2, 2, 2, 2])
        TopPFilter(0.6).apply(to: &candidates)
        #expect(candidates.ids == [0, 1, 2])
        candidates = Candidates([2, 2, 2, 2])
        TopPFilter(0).apply(to: &candidates)
        #expect(candidates.ids == [0])
    }

    @Test("top-k and top-p agree with a plain sort on random rows", arguments: 0..<40)
    func randomRows(seed: UInt64) {
        let draw = SamplingDraw(seed: seed)
        let count = [1, 2, 3, 17, 500][Int(seed % 5)]
        // Quarters, so that ties are common.
        let row = (0..<count).map { Float(Int(draw.uniform(step: $0) * 48)) / 4 }
        let k = 1 + Int(draw.uniform(step: 10_000) * Double(count))
        var candidates = Candidates(row)
        TopKFilter(k).apply(to: &candidates)
        let limit = row.sorted(by: >)[k - 1]
        #expect(candidates.ids == row.indices.filter { row[$0] >= limit }.map(Int32.init))

        let p = draw.uniform(step: 10_001)
        candidates = Candidates(row)
        candidates.weigh()
        let weights = candidates.weights.map(Double.init)
        TopPFilter(p).apply(to: &candidates)
        // The definition from above: best first, until what is kept exceeds p.
        let order = row.indices.sorted { row[$0] > row[$1] || (row[$0] == row[$1] && $0 < $1) }
        var kept: [Int32] = []
        var sum = 0.0
        for index in order where sum < p * weights.reduce(0, +) || kept.isEmpty {
            kept.append(Int32(index))
            sum += weights[index]
        }
        #expect(candidates.ids == kept.sorted())
    }

    @Test(
        "no temperature overflows", arguments: [Float.leastNormalMagnitude, 1e-30, 1e30, Float.greatestFiniteMagnitude])
    func extremeTemperatures(temperature: Float) {
        var candidates = Candidates([-1e30, 4, 5, 1e30])
        TemperatureFilter(temperature).apply(to: &candidates)
        candidates.weigh()
        #expect(candidates.weights.allSatisfy { (0...1).contains($0) })
        #expect(candidates.weights[3] == 1 && candidates.best == 3)
    }

    @Test("the best stays, whatever floats make of weights")
    func bestStays() {
        // Both weigh 1.
        let row: [Float] = [0.1, Float(0.1).nextUp, -200]
        for p in [0, 0.3] {
            var candidates = Candidates(row)
            TopPFilter(p).apply(to: &candidates)
            #expect(candidates.ids.contains(1) && !candidates.ids.contains(2))
        }
        var candidates = Candidates([7])
        TopPFilter(0).apply(to: &candidates)
        #expect(candidates.ids == [0])
        candidates = Candidates([-300, -200, 0, -300])
        TopPFilter(0.999).apply(to: &candidates)
        #expect(candidates.ids == [2])
        candidates.weigh()
        #expect(candidates.position(passing: 0) == 0)
        candidates = Candidates([Float](repeating: -1000, count: 40) + [0] + [Float](repeating: -1000, count: 40))
        candidates.weigh()
        #expect(candidates.position(passing: 0) == 40)
        #expect(candidates.position(passing: 1) == nil)
    }

    @Test("weights are exponentials, in whole blocks and behind them")
    func weights() {
        let row = (0..<1000).map { Float($0) * -0.0937 } + [-86.9, -87.1, -1e30, -Float.greatestFiniteMagnitude, 0]
        for count in [1, 2, 15, 16, 17, 31, 32, 33, row.count] {
            var candidates = Candidates(Array(row.suffix(count)))
            candidates.weigh()
            #expect(candidates.weights.count == count)
            for (weight, logit) in zip(candidates.weights, row.suffix(count)) {
                let exact = exp(Double(logit))
                #expect(abs(Double(weight) - exact) <= 3e-7 * exact + 2e-38, "exp(\(logit)) is \(weight)")
            }
            let sum = candidates.weights.reduce(0) { $0 + Double($1) }
            #expect(abs(candidates.totalWeight - sum) < 1e-5)
            // The position where sums pass a target, for targets between all of them.
            var before = 0.0
            for (index, weight) in candidates.weights.enumerated() where weight > 1e-3 {
                before = candidates.weights[..<index].reduce(0) { $0 + Double($1) }
                #expect(candidates.position(passing: before + Double(weight) / 2) == index)
            }
            #expect(candidates.position(passing: sum * 1.001) == nil)
        }
    }
}
