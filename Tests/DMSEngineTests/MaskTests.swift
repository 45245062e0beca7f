import DMSEngine
import DMSGrammar
import DMSTestSupport
import Testing

/// Tokens that are not allowed do not exist, whatever else is asked for.
@Suite("Masks of tokens")
struct MaskTests {
    private static func mask(_ tokens: some Sequence<Int32>, of size: Int) -> TokenMask {
        tokens.reduce(into: TokenMask(vocabularySize: size)) { $0.insert($1) }
    }

    private static func choose(
        _ sampler: inout Sampler, _ row: [Float], step: Int = 0, allowed: TokenMask? = nil
    ) throws -> Int32 {
        try row.withUnsafeBufferPointer { row throws(SamplingError) in
            try sampler.choose(row, step: step, allowed: allowed)
        }
    }

    @Test("greedy takes the best that is allowed, the lowest id of equal ones, and no bias helps another")
    func greedy() throws {
        let row: [Float] = [9, 2, 1, 2, 8]
        var sampler = Sampler(.greedy)
        #expect(try Self.choose(&sampler, row, allowed: Self.mask([1, 2, 3], of: 5)) == 1)
        #expect(try Self.choose(&sampler, row, allowed: Self.mask([2], of: 5)) == 2)
        var biased = Sampler(try SamplingParameters(logitBias: [0: 100, 3: 1]))
        #expect(try Self.choose(&biased, row, allowed: Self.mask([1, 2, 3], of: 5)) == 3)
        // A vocabulary that is larger than the row.
        #expect(try Self.choose(&sampler, row, allowed: Self.mask([3, 90], of: 100)) == 3)
    }

    /// A token with so small a logit has the probability 0, and is behind all others for every filter.
    @Test("sampling is that of a row without the other tokens", arguments: 0..<40 as Range<UInt64>)
    func sampling(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let size = 150
        let allowed = (0..<Int32(size)).filter { _ in Int.random(in: 0..<4, using: &random) == 0 } + [7]
        let mask = Self.mask(allowed, of: size)
        let parameters = try SamplingParameters(
            temperature: Double.random(in: 0.2...3, using: &random),
            topK: Bool.random(using: &random) ? Int.random(in: 1...20, using: &random) : nil,
            topP: Double.random(in: 0.3...1, using: &random), minP: Double.random(in: 0...0.3, using: &random),
            repetitionPenalty: 1.3, presencePenalty: 0.5, frequencyPenalty: 0.4, logitBias: [7: 2, 8: 100], seed: seed)
        var masked = Sampler(parameters)
        var reference = Sampler(parameters)
        for step in 0..<60 {
            let row = (0..<size).map { _ in random.normal() * 2 }
            let token = try Self.choose(&masked, row, step: step, allowed: mask)
            let lowered = row.enumerated().map { mask.contains(Int32($0.offset)) ? $0.element : -1e30 }
            #expect(token == (try Self.choose(&reference, lowered, step: step)))
            #expect(mask.contains(token))
        }
    }

    @Test("damaged logits are an error, allowed or not")
    func damaged() throws {
        var sampler = Sampler(.greedy)
        #expect(throws: SamplingError.self) {
            try Self.choose(&sampler, [0, .nan, 1], allowed: Self.mask([0], of: 3))
        }
    }
}
