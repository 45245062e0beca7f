import Foundation
import Testing

@testable import DMSEngine

/// Penalties and biases as OpenAI defines them, and log-probabilities.
@Suite("Penalties, bias and log-probabilities")
struct PenaltyTests {
    private static func choose(_ sampler: inout Sampler, _ row: [Float], step: Int = 0) throws -> Int32 {
        try row.withUnsafeBufferPointer { row throws(SamplingError) in try sampler.choose(row, step: step) }
    }

    @Test("mu[j] - c[j] * frequency - (c[j] > 0) * presence")
    func formula() {
        var presence = PresencePenaltyFilter(0.5)
        var frequency = FrequencyPenaltyFilter(-0.25)
        for token in [2, 2, 0, 2] as [Int32] {
            presence.observe(token)
            frequency.observe(token)
        }
        var candidates = Candidates([1, 2, 3])
        presence.apply(to: &candidates)
        #expect(candidates.logits == [0.5, 2, 2.5])
        frequency.apply(to: &candidates)
        #expect(candidates.logits == [0.75, 2, 3.25])
        LogitBiasFilter([1: 4, 0: -1]).apply(to: &candidates)
        #expect(candidates.logits == [-0.25, 6, 3.25])
    }

    @Test("only generated tokens are penalised, the prompt is not")
    func promptDoesNotCount() throws {
        let row: [Float] = [1, 2, 3]
        var sampler = Sampler(try SamplingParameters(presencePenalty: 1.5))
        sampler.observe([2, 2, 2])
        #expect(try (0..<4).map { try Self.choose(&sampler, row, step: $0) } == [2, 1, 2, 2])
        sampler = Sampler(try SamplingParameters(frequencyPenalty: 0.75))
        sampler.observe([2])
        // 3, then 2.25, then 1.5 against 2.
        #expect(try (0..<4).map { try Self.choose(&sampler, row, step: $0) } == [2, 2, 1, 2])
    }

    @Test("a bias of 100 decides, one of -100 forbids in practice")
    func bias() throws {
        let row: [Float] = [1, 2, 30]
        var sampler = Sampler(try SamplingParameters(temperature: 1, logitBias: [0: 100, 2: -100]))
        for step in 0..<50 { #expect(try Self.choose(&sampler, row, step: step) == 0) }
        let parameters = try SamplingParameters(logitBias: [7: 1])
        #expect(throws: ParameterError.self) { try parameters.validate(vocabularySize: 7) }
        try parameters.validate(vocabularySize: 8)
    }

    @Test(
        "values out of range are refused by name",
        arguments: [
            ("presencePenalty", 2.1), ("presencePenalty", -.infinity), ("presencePenalty", .nan),
            ("frequencyPenalty", -2.1), ("frequencyPenalty", .nan), ("logitBias", 100.5), ("logitBias", .nan),
        ])
    func refused(field: String, value: Double) throws {
        let error = #expect(throws: ParameterError.self) {
            switch field {
            case "presencePenalty": _ = try SamplingParameters(presencePenalty: value)
            case "frequencyPenalty": _ = try SamplingParameters(frequencyPenalty: value)
            default: _ = try SamplingParameters(logitBias: [3: value])
            }
        }
        #expect(error?.field == field)
        #expect(throws: ParameterError.self) { try SamplingParameters(logitBias: [-1: 1]) }
        let many = Dictionary(uniqueKeysWithValues: (0..<1025).map { (Int32($0), 1.0) })
        #expect(throws: ParameterError.self) { try SamplingParameters(logitBias: many) }
    }

    @Test("log-probabilities are the logarithm of the raw softmax, best first", arguments: 0..<20)
    func logProbabilities(seed: UInt64) {
        let draw = SamplingDraw(seed: seed)
        // Halves, so that ties are common.
        let row = (0..<60).map { Float(Int(draw.uniform(step: $0) * 30)) / 2 }
        let total = row.reduce(0.0) { $0 + exp(Double($1)) }
        let order = row.indices.sorted { row[$0] > row[$1] || (row[$0] == row[$1] && $0 < $1) }
        for count in [0, 1, 5, 20] {
            let chosen = Int32(seed)
            let found = row.withUnsafeBufferPointer { LogProbabilities($0, chosen: chosen, count: count) }
            #expect(found.chosen.token == chosen)
            #expect(found.top.map { Int($0.token) } == Array(order.prefix(count)))
            for entry in found.top + [found.chosen] {
                // FP64 sums of 60 terms: a few units in the last place.
                #expect(abs(entry.logProbability - log(exp(Double(row[Int(entry.token)])) / total)) < 1e-12)
            }
        }
    }
}
