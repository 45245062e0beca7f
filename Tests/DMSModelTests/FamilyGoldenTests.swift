import DMSCheckpoint
import DMSJSON
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Foundation
import Testing

/// Tiny checkpoints of every family against Transformers.
///
/// Losses are of order 10 and sums of two layers in FP32; both sides round them differently by up to 1e-5.
@Suite struct FamilyGoldenTests {
    @Test(arguments: FamilyFixture.all)
    func greedyTokens(_ fixture: FamilyFixture) throws {
        let model = try TinyModel.load(fixture.path)
        let prompts = try #require(fixture.golden()["prompts"]?.arrayValue)
        #expect(prompts.count == 3)
        for prompt in prompts {
            let ids = try #require(prompt.objectValue?["ids"]).tokenIDs
            let expected = try #require(prompt.objectValue?["new_ids"]).tokenIDs
            // Every token is the likeliest behind those before it.
            let rows = try logits(model, ids + expected.dropLast(), attention: DenseAttention(model))
            let found = rows.suffix(expected.count).map { row in
                row.indices.max { row[$0] < row[$1] }.map { Int32($0) }
            }
            #expect(found == expected)
        }
    }

    @Test(arguments: FamilyFixture.all)
    func losses(_ fixture: FamilyFixture) throws {
        let model = try TinyModel.load(fixture.path)
        let golden = try fixture.golden()
        let expected = try #require(golden["first_losses"]).numbers
        let found = try losses(model, fixture, attention: DenseAttention(model))
        #expect(expected.count == 63)
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-4 }, "\(fixture)")
    }

    /// A gate is read behind the norm over heads and silenced there, as it was in the oracle's hooks.
    @Test(arguments: FamilyFixture.evicting)
    func evicts(_ fixture: FamilyFixture) throws {
        let golden = try #require(fixture.golden()["dms"]?.objectValue)
        let dms = try DMSConfiguration(
            source: .borrowedQueryChannel, channel: .last, decisionShift: 0, zeroing: .beforeRope,
            windowSize: Int(try #require(golden["window"]?.integerValue)), windowInclusive: true,
            alphaScale: Float(try #require(golden["alpha_scale"]?.doubleValue)),
            alphaOffset: Float(try #require(golden["alpha_offset"]?.doubleValue)))
        let model = try TinyModel.load(fixture.path, dms: dms)
        let expected = try #require(golden["first_losses"]).numbers
        let found = try losses(model, fixture, attention: DenseAttention(strictMaskOf: model))
        #expect(expected.count == 63)
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-4 }, "\(fixture)")
    }

    /// Of every token of the first chunk but its first, in nats.
    private func losses(
        _ model: LlamaModel, _ fixture: FamilyFixture, attention: DenseAttention
    ) throws -> [Double] {
        let tokens = try #require(fixture.golden()["first_chunk"]).tokenIDs
        let rows = try logits(model, tokens, attention: attention)
        return zip(rows, tokens.dropFirst()).map { row, token in
            let top = Double(row.max() ?? 0)
            let sum = row.reduce(0.0) { $0 + exp(Double($1) - top) }
            return top + log(sum) - Double(row[Int(token)])
        }
    }
}
