import DMSEngine
import Testing

@Suite("Sampler")
struct SamplerTests {
    private static func choose(_ sampler: inout Sampler, _ row: [Float], step: Int = 0) throws -> Int32 {
        try row.withUnsafeBufferPointer { row throws(SamplingError) in try sampler.choose(row, step: step) }
    }

    @Test("greedy takes the lowest id of equal logits")
    func greedyTies() throws {
        var sampler = Sampler(.greedy)
        #expect(try Self.choose(&sampler, [0, 2, 1, 2]) == 1)
        #expect(try Self.choose(&sampler, [-1]) == 0)
    }

    @Test("greedy is the same with every filter on")
    func greedyIgnoresFilters() throws {
        var sampler = Sampler(try SamplingParameters(temperature: 0, topK: 2, topP: 0.1, minP: 0.9))
        #expect(try Self.choose(&sampler, [0, 2, 1, 3]) == 3)
    }

    @Test("the repetition penalty also counts the sampler's own choices")
    func penalty() throws {
        var sampler = Sampler(try SamplingParameters(repetitionPenalty: 2))
        sampler.observe([3])
        let row: [Float] = [1, 2.5, 2, 4]
        #expect(try Self.choose(&sampler, row) == 1)
        #expect(try Self.choose(&sampler, row) == 2)
        #expect(try Self.choose(&sampler, row) == 3)
    }

    @Test("same seed and step, same token, whatever was drawn before")
    func seeds() throws {
        let row: [Float] = (0..<64).map { Float($0 % 7) / 3 }
        let parameters = try SamplingParameters(temperature: 1, seed: 42)
        var first = Sampler(parameters)
        let tokens = try (0..<50).map { try Self.choose(&first, row, step: $0) }
        var second = Sampler(parameters)
        #expect(try (0..<50).reversed().map { try Self.choose(&second, row, step: $0) } == tokens.reversed())
        var other = Sampler(try SamplingParameters(temperature: 1, seed: 43))
        #expect(try (0..<50).map { try Self.choose(&other, row, step: $0) } != tokens)
        #expect(Set(tokens).count > 10)
    }

    @Test("frequencies follow the softmax")
    func frequencies() throws {
        // Probabilities 1/16, 1/16, 1/8, 1/4, 1/2.
        let row: [Float] = [0, 0, 0.6931472, 1.3862944, 2.0794415]
        var sampler = Sampler(try SamplingParameters(temperature: 1, seed: 7))
        var counts = [Int](repeating: 0, count: 5)
        let draws = 16_000
        for step in 0..<draws { counts[Int(try Self.choose(&sampler, row, step: step))] += 1 }
        let probabilities: [Double] = [0.0625, 0.0625, 0.125, 0.25, 0.5]
        for (count, probability) in zip(counts, probabilities) {
            // Five standard deviations of a binomial count.
            let deviation = (Double(draws) * probability * (1 - probability)).squareRoot()
            let distance = abs(Double(count) - Double(draws) * probability)
            #expect(distance < 5 * deviation)
        }
    }

    @Test("damaged logits are an error that names the token", arguments: [Float.nan, .infinity, -.infinity])
    func damaged(value: Float) throws {
        var sampler = Sampler(try SamplingParameters(temperature: 0.5))
        let error = #expect(throws: SamplingError.self) { try Self.choose(&sampler, [0, 1, value]) }
        #expect(error?.token == 2)
    }

    @Test(
        "parameters out of range are refused by name",
        arguments: [
            ("temperature", -0.1), ("temperature", .nan), ("temperature", .infinity), ("temperature", 1e300),
            ("topK", 0), ("topK", -3), ("topP", -0.01), ("topP", 1.01), ("topP", .nan), ("minP", -1), ("minP", 2),
            ("minP", .nan), ("repetitionPenalty", 0), ("repetitionPenalty", -1), ("repetitionPenalty", .nan),
            ("repetitionPenalty", 1e9),
        ])
    func refused(field: String, value: Double) {
        let error = #expect(throws: ParameterError.self) {
            switch field {
            case "temperature": _ = try SamplingParameters(temperature: value)
            case "topK": _ = try SamplingParameters(topK: Int(value))
            case "topP": _ = try SamplingParameters(topP: value)
            case "minP": _ = try SamplingParameters(minP: value)
            default: _ = try SamplingParameters(repetitionPenalty: value)
            }
        }
        #expect(error?.field == field)
    }
}
