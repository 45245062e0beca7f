import DMSPolicy
import Testing

@Suite("Eviction decision")
struct EvictionDecisionTests {
    let card: EvictionDecision

    init() throws { card = try EvictionDecision(alphaScale: 100, alphaOffset: 5) }

    @Test("A logit of exactly 0 keeps, the next number above evicts")
    func threshold() throws {
        let unit = try EvictionDecision(alphaScale: 1, alphaOffset: 5)
        #expect(unit.logit(raw: 5) == 0)
        #expect(!unit.evicts(raw: 5))
        #expect(unit.evicts(raw: Float(5).nextUp))
        #expect(!unit.evicts(raw: Float(5).nextDown))
    }

    @Test("The product is rounded before the offset is taken off")
    func twoRoundings() throws {
        // 0.05 in FP32 is a little more than 1/20, so a fused multiply-add gives a small positive logit; with two
        // roundings the product is exactly 5.
        let raw: Float = 0.05
        #expect((-card.alphaOffset).addingProduct(raw, card.alphaScale) > 0)
        #expect(card.logit(raw: raw) == 0)
        #expect(!card.evicts(raw: raw))
        #expect(card.evicts(raw: raw.nextUp))
    }

    @Test("Extreme raw values")
    func extremes() throws {
        #expect(!card.evicts(raw: .nan))
        #expect(!card.evicts(raw: -.nan))
        #expect(card.evicts(raw: .infinity))
        #expect(!card.evicts(raw: -.infinity))
        #expect(card.evicts(raw: .greatestFiniteMagnitude))
        #expect(!card.evicts(raw: -.greatestFiniteMagnitude))
        #expect(!card.evicts(raw: 0))
        #expect(!card.evicts(raw: -0.0))
        #expect(card.logit(raw: 0) == -5)
        #expect(!(try EvictionDecision(alphaScale: 100, alphaOffset: 0)).evicts(raw: 0))
        #expect((try EvictionDecision(alphaScale: 100, alphaOffset: -1)).evicts(raw: 0))
    }

    @Test("Scales that are not finite and positive are refused", arguments: [0, -1, -0.0, .nan, .infinity] as [Float])
    func refusedScale(scale: Float) {
        let error = #expect(throws: PolicyError.self) { try EvictionDecision(alphaScale: scale, alphaOffset: 5) }
        #expect(error?.field == "alpha_scale")
    }

    @Test("Offsets that are not finite are refused", arguments: [.nan, .infinity, -.infinity] as [Float])
    func refusedOffset(offset: Float) {
        let error = #expect(throws: PolicyError.self) { try EvictionDecision(alphaScale: 100, alphaOffset: offset) }
        #expect(error?.field == "alpha_offset")
    }
}
